/* For hosts that can wait on sockets only: callers that each hold a connection to a unix socket of
 * ours.
 *
 * A caller parks: it sends a message, which names its job. It gets one byte when there is
 * something to do. Where the connection ends, the caller is gone, and so is its interest in the
 * job that it named last. A caller that parks with AIT_WAITER_ANY looks after the jobs that nobody
 * waits for.
 *
 * The socket is reached by a descriptor of this process (/proc/self/fd/N) and has no name in any
 * folder; peers of other processes are turned away.
 *
 * Owner: the pump. The thread calls all functions but init and listen, which are the Lua
 * thread's. */
#ifndef AIT_WAITERS_H
#define AIT_WAITERS_H

#include "poller.h"

#include <stdbool.h>
#include <stdint.h>

#define AIT_WAITER_ANY 0 /* no job has this id */

struct ait_message {
    uint64_t id;
    uint64_t epoch; /* the pump's, when it was sent */
};

struct ait_waiter;

struct ait_waiters {
    struct ait_poller *poller; /* for the listener, and for each caller */
    int listener;
    int address; /* the descriptor that stands for the listener's path */
    int spare;   /* given up for a moment where there are no descriptors left */
    struct ait_waiter *first;
};

enum ait_waiters_event {
    AIT_WAITERS_NOTHING,
    AIT_WAITERS_PARKED, /* *message: what it sent */
    AIT_WAITERS_GONE,   /* *message: what it had sent last */
};

void ait_waiters_init(struct ait_waiters *waiters, struct ait_poller *poller);
void ait_waiters_close(struct ait_waiters *waiters);

/* In a child of fork(): gives back its copies of the descriptors, and what they are for stays the
 * parent's. */
void ait_waiters_abandon(struct ait_waiters *waiters);

/* Lets callers connect; a second time is fine. */
bool ait_waiters_listen(struct ait_waiters *waiters);

/* The poller found this ready: the listener or a caller. Says what has happened. */
enum ait_waiters_event ait_waiters_hear(struct ait_waiters *waiters, void *about,
                                        struct ait_message *message);

/* The caller that is parked for this job, or whoever is, which is parked no longer and must be
 * rung before the next ait_waiters_hear; or NULL. */
struct ait_waiter *ait_waiters_take(struct ait_waiters *waiters, uint64_t id);
struct ait_waiter *ait_waiters_take_any(struct ait_waiters *waiters);

/* Sends its byte. */
void ait_waiters_ring(struct ait_waiter *waiter);

#endif
