/* What the pump's thread waits for beside libcurl: a bell that wakes it, and, for hosts that can
 * wait on sockets only, callers that each hold a connection to a unix socket of ours.
 *
 * A caller parks: it sends a message, which names its job. It gets one byte when there is
 * something to do. Where the connection ends, the caller is gone, and so is its interest in the
 * job that it named last. A caller that parks with AIT_WAITER_ANY looks after the jobs that nobody
 * waits for.
 *
 * The socket is reached by a descriptor of this process (/proc/self/fd/N) and has no name in any
 * folder; peers of other processes are turned away.
 *
 * Owner: the pump. The thread calls all functions but open, listen and wake, which are the Lua
 * thread's. */
#ifndef AIT_WAITERS_H
#define AIT_WAITERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define AIT_WAITER_ANY 0 /* no job has this id */

struct ait_message {
    uint64_t id;
    uint64_t epoch; /* the pump's, when it was sent */
};

struct ait_waiter;

#define AIT_WAITERS_BATCH 16

struct ait_waiters {
    int watch; /* readable when ait_waiters_next has something to tell */
    int wake;
    int listener;
    int address; /* the descriptor that stands for the listener's path */
    int spare;   /* given up for a moment where there are no descriptors left */
    struct epoll_event batch[AIT_WAITERS_BATCH];
    int told, count; /* of the batch */
    struct ait_waiter *first;
};

enum ait_waiters_event {
    AIT_WAITERS_NOTHING,
    AIT_WAITERS_WOKEN,
    AIT_WAITERS_PARKED, /* *message: what it sent */
    AIT_WAITERS_GONE,   /* *message: what it had sent last */
};

bool ait_waiters_open(struct ait_waiters *waiters);
void ait_waiters_close(struct ait_waiters *waiters);

/* In a child of fork(): gives back its copies of the descriptors, and what they are for stays the
 * parent's. */
void ait_waiters_abandon(struct ait_waiters *waiters);

/* Lets callers connect; a second time is fine. */
bool ait_waiters_listen(struct ait_waiters *waiters);

void ait_waiters_wake(struct ait_waiters *waiters);

/* The next thing that has happened; never waits. */
enum ait_waiters_event ait_waiters_next(struct ait_waiters *waiters, struct ait_message *message);

/* Sends its byte to the caller that is parked for this job. False: there is none. */
bool ait_waiters_ring(struct ait_waiters *waiters, uint64_t id);

/* Sends its byte to whoever is parked. False: nobody is. */
bool ait_waiters_ring_any(struct ait_waiters *waiters);

#endif
