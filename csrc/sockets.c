#include "sockets.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static bool reserve(struct ait_sockets *sockets)
{
    size_t capacity = sockets->capacity == 0 ? 8 : sockets->capacity * 2;
    struct ait_socket *list;

    if (sockets->count < sockets->capacity)
        return true;
    list = realloc(sockets->list, capacity * sizeof *list);
    if (list == NULL)
        return false;
    sockets->list = list;
    sockets->capacity = capacity;
    return true;
}

int ait_sockets_open(struct ait_sockets *sockets, int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);

    if (fd >= 0 && sockets->opened != NULL)
        sockets->opened(sockets->context, fd);
    if (fd >= 0 && reserve(sockets))
        sockets->list[sockets->count++] = (struct ait_socket){.fd = fd};
    return fd;
}

int ait_sockets_close(struct ait_sockets *sockets, int fd)
{
    for (size_t i = 0; i < sockets->count; i++) {
        if (sockets->list[i].fd == fd) {
            sockets->list[i] = sockets->list[--sockets->count];
            break;
        }
    }
    if (sockets->closed != NULL)
        sockets->closed(sockets->context, fd);
    return close(fd);
}

/* The port of one end: get_name is getsockname or getpeername. 0: not connected, or not IP. */
static int port_of(int fd, int (*get_name)(int, struct sockaddr *, socklen_t *))
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    socklen_t size = sizeof address;

    if (get_name(fd, &address.any, &size) != 0)
        return 0;
    if (address.any.sa_family == AF_INET)
        return ntohs(address.v4.sin_port);
    return address.any.sa_family == AF_INET6 ? ntohs(address.v6.sin6_port) : 0;
}

bool ait_sockets_peer_gone(struct ait_sockets *sockets, int local_port, int remote_port)
{
    for (size_t i = 0; i < sockets->count; i++) {
        struct ait_socket *socket = &sockets->list[i];

        if (socket->remote_port == 0) {
            socket->local_port = port_of(socket->fd, getsockname);
            socket->remote_port = port_of(socket->fd, getpeername);
        }
        if (socket->local_port == local_port && socket->remote_port == remote_port) {
            struct pollfd end = {.fd = socket->fd, .events = POLLRDHUP};

            return poll(&end, 1, 0) > 0;
        }
    }
    return false;
}

void ait_sockets_free(struct ait_sockets *sockets)
{
    free(sockets->list);
    *sockets = (struct ait_sockets){.list = NULL};
}
