#include "poller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a socket is registered for, what is wanted of it, and whether its end will be told. */
enum { IN = 1, OUT = 2, BOTH = 3, WANTED = 2 /* those two, shifted by this */, TOLD = 16 };

/* An event's data is the address of what it is about, or a socket and the bit that no address
 * has. */
#define IS_SOCKET 1U

bool ait_poller_open(struct ait_poller *poller)
{
    *poller = (struct ait_poller){.fd = epoll_create1(EPOLL_CLOEXEC)};
    return poller->fd >= 0;
}

void ait_poller_close(struct ait_poller *poller)
{
    if (poller->fd >= 0)
        close(poller->fd);
    poller->fd = -1;
    free(poller->sockets);
    poller->sockets = NULL;
    poller->size = 0;
}

bool ait_poller_add(struct ait_poller *poller, int fd, void *about)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = about};

    return epoll_ctl(poller->fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

void ait_poller_remove(struct ait_poller *poller, int fd)
{
    struct epoll_event event = {.events = 0};

    (void)epoll_ctl(poller->fd, EPOLL_CTL_DEL, fd, &event);
}

/* -- sockets -- */

static bool reserve(struct ait_poller *poller, size_t size)
{
    size_t larger = poller->size == 0 ? 64 : poller->size;
    unsigned char *sockets;

    if (size <= poller->size)
        return true;
    while (larger < size)
        larger *= 2;
    sockets = realloc(poller->sockets, larger);
    if (sockets == NULL)
        return false;
    memset(sockets + poller->size, 0, larger - poller->size);
    poller->sockets = sockets;
    poller->size = larger;
    return true;
}

/* Registers it for these, whatever it was registered for before. */
static bool register_for(struct ait_poller *poller, int fd, unsigned bits)
{
    struct epoll_event event = {
        .events = ((bits & IN) != 0 ? (uint32_t)EPOLLIN : 0) |
                  ((bits & OUT) != 0 ? (uint32_t)EPOLLOUT : 0),
        .data.u64 = (uint64_t)fd << 1 | IS_SOCKET,
    };

    if ((poller->sockets[fd] & BOTH) != 0 && epoll_ctl(poller->fd, EPOLL_CTL_MOD, fd, &event) == 0)
        return true;
    return epoll_ctl(poller->fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

void ait_poller_opened(struct ait_poller *poller, int fd)
{
    if (fd >= 0 && reserve(poller, (size_t)fd + 1))
        poller->sockets[fd] = TOLD;
}

void ait_poller_closed(struct ait_poller *poller, int fd)
{
    if (fd < 0 || (size_t)fd >= poller->size)
        return;
    if ((poller->sockets[fd] & BOTH) != 0)
        ait_poller_remove(poller, fd);
    poller->sockets[fd] = 0;
}

bool ait_poller_watch(struct ait_poller *poller, int fd, bool in, bool out)
{
    unsigned wanted = (in ? IN : 0U) | (out ? OUT : 0U);
    unsigned char *socket;

    if (fd < 0 || !reserve(poller, (size_t)fd + 1))
        return false;
    socket = &poller->sockets[fd];
    if (wanted == 0 && (*socket & TOLD) == 0) {
        ait_poller_closed(poller, fd);
        return true;
    }
    if (wanted != 0 && (*socket & BOTH) != wanted) {
        if (!register_for(poller, fd, wanted))
            return false;
        *socket = (unsigned char)((*socket & TOLD) | wanted);
    }
    *socket = (unsigned char)((*socket & (TOLD | BOTH)) | wanted << WANTED);
    return true;
}

/* Whether anybody cares for it; if not, it is taken out. */
static bool is_wanted(struct ait_poller *poller, int fd)
{
    if ((size_t)fd >= poller->size || (poller->sockets[fd] & BOTH) == 0)
        return false; /* closed by something else of this batch */
    if ((poller->sockets[fd] >> WANTED & BOTH) != 0)
        return true;
    ait_poller_remove(poller, fd);
    poller->sockets[fd] &= TOLD;
    return false;
}

/* -- waiting -- */

void ait_poller_wait(struct ait_poller *poller, int timeout_ms)
{
    poller->told = 0;
    poller->count = epoll_wait(poller->fd, poller->batch, AIT_POLLER_BATCH, timeout_ms);
}

bool ait_poller_next(struct ait_poller *poller, struct ait_ready *ready)
{
    while (poller->told < poller->count) {
        const struct epoll_event *event = &poller->batch[poller->told++];
        const uint32_t ended = EPOLLERR | EPOLLHUP;

        *ready = (struct ait_ready){.fd = -1};
        if ((event->data.u64 & IS_SOCKET) == 0) {
            ready->about = event->data.ptr;
            return true;
        }
        ready->fd = (int)(event->data.u64 >> 1);
        ready->in = (event->events & (EPOLLIN | ended)) != 0;
        ready->out = (event->events & (EPOLLOUT | ended)) != 0;
        if (is_wanted(poller, ready->fd))
            return true;
    }
    return false;
}
