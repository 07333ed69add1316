#include "signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

#define MOST 64

/* A process has its signals for all of its Lua states. */
static atomic_int counts[MOST + 1];

static void count(int number)
{
    atomic_fetch_add(&counts[number], 1);
}

static bool handle(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    if (number < 1 || number > MOST)
        return false;
    sigemptyset(&action.sa_mask);
    return sigaction(number, &action, NULL) == 0;
}

bool ait_signals_watch(int number, bool restarts)
{
    if (number >= 1 && number <= MOST)
        atomic_store(&counts[number], 0);
    return handle(number, count, restarts ? SA_RESTART : 0);
}

bool ait_signals_forget(int number)
{
    return handle(number, SIG_DFL, 0);
}

int ait_signals_count(int number)
{
    return number >= 1 && number <= MOST ? atomic_load(&counts[number]) : 0;
}
