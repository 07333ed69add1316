#include "waiters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

#define LEAF "/s"

struct ait_waiter {
    int fd;
    bool parked;
    bool came;                                      /* it has sent a message */
    struct ait_message message;                     /* the last one */
    unsigned char part[sizeof(struct ait_message)]; /* of one that has not come whole */
    size_t size;
    struct ait_waiter *previous, *next;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void ait_waiters_init(struct ait_waiters *waiters, struct ait_poller *poller)
{
    *waiters = (struct ait_waiters){.poller = poller, .listener = -1, .address = -1, .spare = -1};
}

/* What it has said and we have not heard would make of the end a reset, which nginx logs. */
static void hang_up(int fd)
{
    char unheard[256];

    while (recv(fd, unheard, sizeof unheard, MSG_DONTWAIT) > 0)
        ;
    close(fd);
}

static void drop(struct ait_waiters *waiters, struct ait_waiter *waiter)
{
    if (waiter->previous != NULL)
        waiter->previous->next = waiter->next;
    else
        waiters->first = waiter->next;
    if (waiter->next != NULL)
        waiter->next->previous = waiter->previous;
    ait_poller_remove(waiters->poller, waiter->fd);
    hang_up(waiter->fd);
    free(waiter);
}

void ait_waiters_abandon(struct ait_waiters *waiters)
{
    close_fd(&waiters->listener);
    close_fd(&waiters->address);
    close_fd(&waiters->spare);
}

void ait_waiters_close(struct ait_waiters *waiters)
{
    struct ait_waiter *waiter = waiters->first;
    int fd;

    while (waiter != NULL) {
        struct ait_waiter *next = waiter->next;

        hang_up(waiter->fd);
        free(waiter);
        waiter = next;
    }
    waiters->first = NULL;
    while (waiters->listener >= 0 &&
           (fd = accept4(waiters->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        hang_up(fd);
    ait_waiters_abandon(waiters);
}

/* -- the unix socket -- */

/* Binds it in a folder of parent that only we can enter, and leaves nothing there: the descriptor
 * in *address is a way to it that needs no name. */
static bool bind_in(const char *parent, int fd, int *address)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char *path = name.sun_path;
    int n = snprintf(path, sizeof name.sun_path, "%s/aitronos-XXXXXX", parent);
    bool bound;

    if (n < 0 || (size_t)n + sizeof LEAF > sizeof name.sun_path || mkdtemp(path) == NULL)
        return false;
    memcpy(path + n, LEAF, sizeof LEAF);
    bound = bind(fd, (struct sockaddr *)&name, sizeof name) == 0;
    if (bound) {
        *address = open(path, O_PATH | O_CLOEXEC);
        unlink(path);
    }
    path[n] = '\0';
    rmdir(path);
    return bound;
}

static bool bind_unnamed(int fd, int *address)
{
    const char *const parents[] = {getenv("TMPDIR"), "/tmp", "/dev/shm", "/run"};

    for (size_t i = 0; i < sizeof parents / sizeof parents[0]; i++) {
        if (parents[i] != NULL && bind_in(parents[i], fd, address))
            return *address >= 0;
    }
    return false;
}

bool ait_waiters_listen(struct ait_waiters *waiters)
{
    if (waiters->listener >= 0)
        return true;
    waiters->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    waiters->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (waiters->listener >= 0 && waiters->spare >= 0 &&
        bind_unnamed(waiters->listener, &waiters->address) &&
        listen(waiters->listener, BACKLOG) == 0 &&
        ait_poller_add(waiters->poller, waiters->listener, &waiters->listener))
        return true;
    close_fd(&waiters->listener);
    close_fd(&waiters->address);
    close_fd(&waiters->spare);
    return false;
}

static bool is_ours(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getpid();
}

/* A caller that can't be let in for want of descriptors must not be left standing, nor keep the
 * listener readable for ever: it is turned away. */
static void turn_away(struct ait_waiters *waiters)
{
    int fd;

    close_fd(&waiters->spare);
    fd = accept4(waiters->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    waiters->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Whom it turns away sees the end of the connection. */
static void accept_one(struct ait_waiters *waiters)
{
    int fd = accept4(waiters->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct ait_waiter *waiter;

    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        turn_away(waiters);
    if (fd < 0)
        return;
    waiter = is_ours(fd) ? calloc(1, sizeof *waiter) : NULL;
    if (waiter == NULL || !ait_poller_add(waiters->poller, fd, waiter)) {
        free(waiter);
        close(fd);
        return;
    }
    waiter->fd = fd;
    waiter->next = waiters->first;
    if (waiter->next != NULL)
        waiter->next->previous = waiter;
    waiters->first = waiter;
}

/* -- what happens on it -- */

static enum ait_waiters_event hear(struct ait_waiters *waiters, struct ait_waiter *waiter,
                                   struct ait_message *message)
{
    ssize_t n =
        recv(waiter->fd, waiter->part + waiter->size, sizeof waiter->part - waiter->size, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return AIT_WAITERS_NOTHING;
    if (n <= 0) {
        enum ait_waiters_event event = waiter->came ? AIT_WAITERS_GONE : AIT_WAITERS_NOTHING;

        *message = waiter->message;
        drop(waiters, waiter);
        return event;
    }
    waiter->size += (size_t)n;
    if (waiter->size < sizeof waiter->part)
        return AIT_WAITERS_NOTHING;
    memcpy(&waiter->message, waiter->part, sizeof waiter->part);
    waiter->size = 0;
    waiter->came = waiter->parked = true;
    *message = waiter->message;
    return AIT_WAITERS_PARKED;
}

/* A waiter is dropped by what is ready on it only: what else the poller found stays good. */
enum ait_waiters_event ait_waiters_hear(struct ait_waiters *waiters, void *about,
                                        struct ait_message *message)
{
    if (about != &waiters->listener)
        return hear(waiters, about, message);
    accept_one(waiters);
    return AIT_WAITERS_NOTHING;
}

static struct ait_waiter *unpark(struct ait_waiter *waiter)
{
    if (waiter != NULL)
        waiter->parked = false;
    return waiter;
}

struct ait_waiter *ait_waiters_take(struct ait_waiters *waiters, uint64_t id)
{
    struct ait_waiter *waiter = waiters->first;

    while (waiter != NULL && !(waiter->parked && waiter->message.id == id))
        waiter = waiter->next;
    return unpark(waiter);
}

struct ait_waiter *ait_waiters_take_any(struct ait_waiters *waiters)
{
    struct ait_waiter *waiter = waiters->first;

    while (waiter != NULL && !waiter->parked)
        waiter = waiter->next;
    return unpark(waiter);
}

void ait_waiters_ring(struct ait_waiter *waiter)
{
    ssize_t sent = send(waiter->fd, "!", 1, MSG_NOSIGNAL | MSG_DONTWAIT);

    (void)sent; /* a connection that has ended is heard of later */
}
