/* A server on a thread of its own, over loopback: what it does with a request stands in the
 * request's path.
 *
 *   /sized/N    201 and N bytes; the connection stays open
 *   /unsized/N  201 and N bytes up to the end of the connection
 *   /cut        201 and less than was announced
 *   /close      no answer, the connection ends
 *   else        no answer */
#ifndef AIT_ENGINE_SERVER_H
#define AIT_ENGINE_SERVER_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_SOCKETS 64
#define MAX_BODY 2000

static struct {
    pthread_t thread;
    int listener, port;
    int stop[2];       /* a pipe */
    atomic_int hung;   /* requests without an answer */
    atomic_int closed; /* requests answered by hanging up */
    pthread_mutex_t lock;
    char request[2048]; /* the last one */
} server = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct connection {
    char request[2048];
    size_t size;
};

static inline void send_text(int fd, const char *text)
{
    /* The client may have seen enough and be gone. */
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static inline void send_body(int fd, int size)
{
    char body[MAX_BODY + 1];

    memset(body, 'x', sizeof body);
    body[size] = '\0';
    send_text(fd, body);
}

/* Returns whether the connection stays open. */
static inline bool answer(int fd, const char *path)
{
    char head[100];
    int size;

    if (sscanf(path, "/sized/%d", &size) == 1) {
        (void)snprintf(head, sizeof head, "HTTP/1.1 201 OK\r\nContent-Length: %d\r\n\r\n", size);
        send_text(fd, head);
        send_body(fd, size);
        return true;
    }
    if (sscanf(path, "/unsized/%d", &size) == 1) {
        send_text(fd, "HTTP/1.1 201 OK\r\n\r\n");
        send_body(fd, size);
        return false;
    }
    if (strncmp(path, "/cut ", 5) == 0) {
        send_text(fd, "HTTP/1.1 201 OK\r\nContent-Length: 10\r\n\r\n{");
        return false;
    }
    if (strncmp(path, "/close ", 7) == 0) {
        atomic_fetch_add(&server.closed, 1);
        return false;
    }
    atomic_fetch_add(&server.hung, 1);
    return true;
}

static inline bool is_whole(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n");
    const char *length = strcasestr(request, "\r\nContent-Length: ");

    return end != NULL && (length == NULL || strlen(end + 4) >= strtoul(length + 18, NULL, 10));
}

/* Returns whether the connection stays open. */
static inline bool serve(int fd, struct connection *connection)
{
    char *end = connection->request + connection->size;
    ssize_t n = recv(fd, end, sizeof connection->request - connection->size - 1, 0);

    if (n <= 0)
        return false;
    connection->size += (size_t)n;
    end[n] = '\0';
    if (!is_whole(connection->request))
        return true;
    pthread_mutex_lock(&server.lock);
    memcpy(server.request, connection->request, connection->size + 1);
    pthread_mutex_unlock(&server.lock);
    connection->size = 0;
    return answer(fd, strchr(connection->request, '/'));
}

static inline void *run_server(void *context)
{
    static struct connection connections[MAX_SOCKETS];
    struct pollfd sockets[MAX_SOCKETS] = {{.fd = server.stop[0], .events = POLLIN},
                                          {.fd = server.listener, .events = POLLIN}};
    nfds_t count = 2;

    (void)context;
    while (poll(sockets, count, -1) > 0 && sockets[0].revents == 0) {
        for (nfds_t i = count - 1; i >= 2; i--) {
            if (sockets[i].revents == 0 || serve(sockets[i].fd, &connections[i]))
                continue;
            (void)close(sockets[i].fd);
            count--;
            sockets[i] = sockets[count];
            connections[i] = connections[count];
        }
        if (sockets[1].revents != 0 && count < MAX_SOCKETS) {
            sockets[count] =
                (struct pollfd){.fd = accept(server.listener, NULL, NULL), .events = POLLIN};
            connections[count++].size = 0;
        }
        /* Those that come while it is full wait; to look at them all the time would leave the
         * threads that are to make room no time, under valgrind. */
        sockets[1].events = count < MAX_SOCKETS ? POLLIN : 0;
    }
    for (nfds_t i = 1; i < count; i++)
        (void)close(sockets[i].fd);
    return NULL;
}

static inline int bind_loopback(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        abort();
    *port = ntohs(address.sin_port);
    return fd;
}

static inline void start_server(void)
{
    server.listener = bind_loopback(&server.port);
    if (listen(server.listener, MAX_SOCKETS) != 0 || pipe(server.stop) != 0 ||
        pthread_create(&server.thread, NULL, run_server, NULL) != 0)
        abort();
}

static inline void stop_server(void)
{
    (void)close(server.stop[1]);
    (void)pthread_join(server.thread, NULL);
    (void)close(server.stop[0]);
}

#endif
