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

    if (fd >= 0 && reserve(sockets))
        sockets->list[sockets->count++] = (struct ait_socket){.fd = fd, .port = 0};
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
    return close(fd);
}

static int local_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    socklen_t size = sizeof address;

    if (getsockname(fd, &address.any, &size) != 0)
        return 0;
    if (address.any.sa_family == AF_INET)
        return ntohs(address.v4.sin_port);
    return address.any.sa_family == AF_INET6 ? ntohs(address.v6.sin6_port) : 0;
}

bool ait_sockets_peer_gone(struct ait_sockets *sockets, int port)
{
    for (size_t i = 0; i < sockets->count; i++) {
        struct ait_socket *socket = &sockets->list[i];

        if (socket->port == 0)
            socket->port = local_port(socket->fd);
        if (socket->port == port) {
            struct pollfd end = {.fd = socket->fd, .events = POLLRDHUP};

            return poll(&end, 1, 0) > 0;
        }
    }
    return false;
}

void ait_sockets_free(struct ait_sockets *sockets)
{
    free(sockets->list);
    *sockets = (struct ait_sockets){NULL, 0, 0};
}
