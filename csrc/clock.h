/* Time and chance from the operating system; every other file takes them as arguments.
 * All functions may be called on any thread. */
#ifndef AIT_CLOCK_H
#define AIT_CLOCK_H

#include <stdint.h>

/* Monotonic, for deadlines and waits: milliseconds and microseconds from the same start. */
int64_t ait_clock_now_ms(void);
int64_t ait_clock_now_us(void);

/* Wall clock, for dates that servers send: milliseconds since 1970-01-01T00:00:00Z. */
int64_t ait_clock_wall_ms(void);

/* A uniform number in [0, 1) from the operating system's entropy, never from a seeded
 * generator: processes that start alike must not retry alike. */
double ait_clock_random(void);

/* Of two times, or of two waits from now. */
static inline int64_t ait_clock_earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

#endif
