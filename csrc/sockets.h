/* The descriptors that libcurl has open for an engine, so that a connection on which the peer has
 * hung up is known before anything is sent on it. libcurl itself takes a TLS goodbye that waits
 * to be read for a sign of life.
 *
 * Owner: the engine, on its thread. No Lua, no libcurl. */
#ifndef AIT_SOCKETS_H
#define AIT_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

struct ait_socket {
    int fd;
    int local_port, remote_port; /* once they were asked for; 0: not yet */
};

struct ait_sockets {
    struct ait_socket *list;
    size_t count, capacity;
    void (*opened)(void *context, int fd); /* who else is to know of each; NULL: nobody */
    void (*closed)(void *context, int fd);
    void *context;
};

/* As socket(), and closed in what the process executes. Where memory runs out the descriptor is
 * still good, and only not known here. */
int ait_sockets_open(struct ait_sockets *sockets, int family, int type, int protocol);

/* Closes it; as close(). */
int ait_sockets_close(struct ait_sockets *sockets, int fd);

/* Whether the peer of the connection between these ports has hung up. */
bool ait_sockets_peer_gone(struct ait_sockets *sockets, int local_port, int remote_port);

/* Forgets them all; they are closed by then. */
void ait_sockets_free(struct ait_sockets *sockets);

#endif
