/* One epoll descriptor for all that a thread waits for: descriptors of ours, for as long as they
 * are open, and sockets of libcurl's, which it has watched and let go of with every transfer.
 *
 * A socket that is let go of stays registered, since most are watched again soon and a system call
 * costs more than what libcurl does in between; it is taken out when something comes of it while
 * nobody cares, or when it is closed. That is for those of which it is told when they open and
 * close. Libcurl has others, for its resolver, which it closes without a word: they are taken out
 * as soon as nothing is wanted of them.
 *
 * Owner: the thread that waits; only ait_poller_add may be called on another one too. */
#ifndef AIT_POLLER_H
#define AIT_POLLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#define AIT_POLLER_BATCH 32

struct ait_poller {
    int fd;
    unsigned char *sockets; /* by descriptor: what is registered and what is wanted of it */
    size_t size;
    struct epoll_event batch[AIT_POLLER_BATCH];
    int told, count; /* of the batch */
};

struct ait_ready {
    void *about; /* what it was added with; NULL: it is a socket … */
    int fd;      /* … this one */
    bool in, out;
};

bool ait_poller_open(struct ait_poller *poller);
void ait_poller_close(struct ait_poller *poller);

/* Waits for what can be read of fd, until it is removed, which must be before it is closed: where a
 * child of fork() has it too, closing it ends nothing. about must be the address of something, and
 * differ from all others. */
bool ait_poller_add(struct ait_poller *poller, int fd, void *about);
void ait_poller_remove(struct ait_poller *poller, int fd);

/* A socket was opened, and will be told to be closed before it is. */
void ait_poller_opened(struct ait_poller *poller, int fd);

/* What is wanted of a socket from now on; false: it can't be watched. */
bool ait_poller_watch(struct ait_poller *poller, int fd, bool in, bool out);
void ait_poller_closed(struct ait_poller *poller, int fd);

/* Waits until something is ready, at most timeout_ms. */
void ait_poller_wait(struct ait_poller *poller, int timeout_ms);

/* The next thing that was ready when the last wait ended; false: there is no more. */
bool ait_poller_next(struct ait_poller *poller, struct ait_ready *ready);

#endif
