#include "clock.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

static int64_t now_us(clockid_t id)
{
    /* Can't fail: both clocks used here exist on every POSIX system. */
    struct timespec now = {0};
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t ait_clock_now_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

int64_t ait_clock_now_ms(void)
{
    return ait_clock_now_us() / 1000;
}

int64_t ait_clock_wall_ms(void)
{
    return now_us(CLOCK_REALTIME) / 1000;
}

double ait_clock_random(void)
{
    /* Up to 256 bytes come whole, and only a signal before the kernel's pool is ready can
     * interrupt. Where a system-call filter forbids getrandom the middle stays: a 0 would
     * turn every backoff into a retry at once. */
    uint64_t bits = UINT64_C(1) << 63;
    ssize_t got = 0;
    do
        got = getrandom(&bits, sizeof bits, 0);
    while (got < 0 && errno == EINTR);

    /* A double holds 53 bits exactly; more would round up to 1. */
    return (double)(bits >> 11) * 0x1p-53;
}
