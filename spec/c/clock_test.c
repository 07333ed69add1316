#include "clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Stands in for the C library's getrandom: fails as often as a test asks, then gives the bits
 * that it asks for, or real ones. */
static struct {
    int failures;
    int error;
    const uint64_t *bits;
    int calls;
} entropy;

ssize_t getrandom(void *buffer, size_t n, unsigned int flags)
{
    entropy.calls++;
    if (entropy.failures > 0) {
        entropy.failures--;
        errno = entropy.error;
        return -1;
    }
    if (entropy.bits == NULL)
        return syscall(SYS_getrandom, buffer, n, flags);
    assert_int_equal(n, sizeof *entropy.bits);
    memcpy(buffer, entropy.bits, n);
    return (ssize_t)n;
}

static int reset_entropy(void **state)
{
    (void)state;
    memset(&entropy, 0, sizeof entropy);
    return 0;
}

static int64_t read_us(clockid_t id)
{
    struct timespec now;
    assert_int_equal(clock_gettime(id, &now), 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void microseconds_are_those_of_the_monotonic_clock(void **state)
{
    (void)state;
    int64_t before = read_us(CLOCK_MONOTONIC);
    int64_t now = ait_clock_now_us();
    int64_t after = read_us(CLOCK_MONOTONIC);
    assert_true(before <= now);
    assert_true(now <= after);
}

static void milliseconds_have_the_same_start(void **state)
{
    (void)state;
    int64_t before = ait_clock_now_us() / 1000;
    int64_t now = ait_clock_now_ms();
    int64_t after = ait_clock_now_us() / 1000;
    assert_true(before <= now);
    assert_true(now <= after);
}

/* The wall clock may be set while the test runs, also back; one undisturbed round is enough. */
static void the_wall_clock_counts_from_1970(void **state)
{
    (void)state;
    int64_t before = 0;
    int64_t now = 0;
    int64_t after = 0;
    for (int round = 0; round < 3; round++) {
        before = read_us(CLOCK_REALTIME) / 1000;
        now = ait_clock_wall_ms();
        after = read_us(CLOCK_REALTIME) / 1000;
        if (before <= now && now <= after)
            return;
    }
    fail_msg("%lld is not within %lld and %lld", (long long)now, (long long)before,
             (long long)after);
}

static void random_stays_below_one_and_reaches_zero(void **state)
{
    (void)state;
    const uint64_t highest = UINT64_MAX;
    entropy.bits = &highest;
    assert_true(ait_clock_random() == 1.0 - 0x1p-53);

    const uint64_t lowest = 0;
    entropy.bits = &lowest;
    assert_true(ait_clock_random() == 0.0);

    const uint64_t quarter = UINT64_C(1) << 62;
    entropy.bits = &quarter;
    assert_true(ait_clock_random() == 0.25);
}

static void random_numbers_differ(void **state)
{
    (void)state;
    enum { DRAWS = 64 };
    double drawn[DRAWS];
    for (int i = 0; i < DRAWS; i++) {
        drawn[i] = ait_clock_random();
        assert_true(drawn[i] >= 0.0 && drawn[i] < 1.0);
        for (int k = 0; k < i; k++)
            assert_false(drawn[i] == drawn[k]); /* by chance: once in 10^12 runs */
    }
    assert_int_equal(entropy.calls, DRAWS);
}

static void a_signal_does_not_spoil_a_random_number(void **state)
{
    (void)state;
    const uint64_t quarter = UINT64_C(1) << 62;
    entropy.bits = &quarter;
    entropy.failures = 2;
    entropy.error = EINTR;
    assert_true(ait_clock_random() == 0.25);
    assert_int_equal(entropy.calls, 3);
}

static void without_entropy_the_middle_is_given_at_once(void **state)
{
    (void)state;
    entropy.failures = 1;
    entropy.error = EPERM;
    assert_true(ait_clock_random() == 0.5);
    assert_int_equal(entropy.calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(microseconds_are_those_of_the_monotonic_clock),
        cmocka_unit_test(milliseconds_have_the_same_start),
        cmocka_unit_test(the_wall_clock_counts_from_1970),
        cmocka_unit_test_setup(random_stays_below_one_and_reaches_zero, reset_entropy),
        cmocka_unit_test_setup(random_numbers_differ, reset_entropy),
        cmocka_unit_test_setup(a_signal_does_not_spoil_a_random_number, reset_entropy),
        cmocka_unit_test_setup(without_entropy_the_middle_is_given_at_once, reset_entropy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
