/* Preloaded into a program, it makes names that begin with "hang" hang: their look-up connects to
 * a port of this machine (HANGING_NAMES_PORT), and fails once the other side hangs up. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static look_up *ordinary;
static struct sockaddr_in keeper = {.sin_family = AF_INET};

/* At start, since nginx empties the environment of its workers. */
__attribute__((constructor)) static void prepare(void)
{
    const char *port = getenv("HANGING_NAMES_PORT");
    keeper.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    keeper.sin_port = htons((uint16_t)(port ? strtoul(port, NULL, 10) : 0));
    void *found = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&ordinary, &found, sizeof ordinary);
}

static void hang(void)
{
    char byte;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (struct sockaddr *)&keeper, sizeof keeper) == 0)
        while (read(fd, &byte, 1) > 0)
            ;
    close(fd);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    if (name && strncmp(name, "hang", 4) == 0) {
        hang();
        return EAI_AGAIN;
    }
    return ordinary(name, service, hints, found);
}
