/* The pacer over simulated time: what may leave when, and for what it waits. */
#include "pacer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define START 1000000

static const struct ait_rate_limit unsaid = {-1, -1, -1};

static struct ait_pacer new_pacer(int concurrency, double per_minute, double burst)
{
    struct ait_pacer pacer;

    ait_pacer_init(&pacer, concurrency, per_minute, burst, START);
    return pacer;
}

static void assert_next(const struct ait_pacer *pacer, int64_t now_ms, int64_t at_ms,
                        enum ait_hold hold)
{
    enum ait_hold found;

    assert_int_equal(ait_pacer_next_ms(pacer, now_ms, &found), at_ms);
    assert_int_equal(found, hold);
}

/* Sends whenever it may, each answer at once with this status, and counts until end_ms. */
static int count_sent(struct ait_pacer *pacer, int64_t from_ms, int64_t end_ms)
{
    int sent = 0;

    for (int64_t now_ms = from_ms; now_ms < end_ms;) {
        enum ait_hold hold;
        int64_t at_ms = ait_pacer_next_ms(pacer, now_ms, &hold);

        if (at_ms > now_ms) {
            now_ms = at_ms;
            continue;
        }
        ait_pacer_start(pacer, now_ms);
        ait_pacer_ended(pacer);
        sent++;
    }
    return sent;
}

static void without_limits_everything_leaves_at_once(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(1000, 0, 1);
    for (int i = 0; i < 1000; i++) {
        assert_next(&pacer, START, START, AIT_HOLD_NONE);
        ait_pacer_start(&pacer, START);
    }
    assert_next(&pacer, START, AIT_PACER_FULL, AIT_HOLD_CONCURRENCY);
}

static void concurrency_counts_what_is_in_flight(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(2, 0, 1);
    ait_pacer_start(&pacer, START);
    assert_next(&pacer, START, START, AIT_HOLD_NONE);
    ait_pacer_start(&pacer, START);
    assert_next(&pacer, START, AIT_PACER_FULL, AIT_HOLD_CONCURRENCY);
    ait_pacer_ended(&pacer);
    assert_next(&pacer, START, START, AIT_HOLD_NONE);
}

static void a_rate_spaces_requests(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(16, 60, 1); /* one a second */
    ait_pacer_start(&pacer, START);
    ait_pacer_ended(&pacer);
    assert_next(&pacer, START, START + 1000, AIT_HOLD_RATE);
    assert_next(&pacer, START + 500, START + 1000, AIT_HOLD_RATE);
    assert_next(&pacer, START + 1000, START + 1000, AIT_HOLD_NONE);
}

static void a_rate_is_used_and_not_passed(void **state)
{
    (void)state;
    static const double rates[] = {1, 100, 1000, 6000, 59999};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct ait_pacer pacer = new_pacer(16, rates[i], 1);
        int sent = count_sent(&pacer, START, START + 3600000);
        assert_true(sent <= rates[i] * 60 + 1);
        assert_true(sent >= rates[i] * 60 * 0.9);
    }
}

static void a_burst_may_go_at_once_after_a_pause_and_no_more(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(100, 60, 20);
    for (int round = 0; round < 3; round++) {
        int64_t now_ms = START + round * 1000000;
        for (int i = 0; i < 20; i++) {
            assert_next(&pacer, now_ms, now_ms, AIT_HOLD_NONE);
            ait_pacer_start(&pacer, now_ms);
            ait_pacer_ended(&pacer);
        }
        enum ait_hold hold;
        assert_in_range(ait_pacer_next_ms(&pacer, now_ms, &hold), now_ms + 999, now_ms + 1000);
        assert_int_equal(hold, AIT_HOLD_RATE);
    }
}

static void tiny_rates_do_not_overflow(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(1, 1e-300, 1);
    ait_pacer_start(&pacer, START);
    ait_pacer_ended(&pacer);
    enum ait_hold hold;
    int64_t at_ms = ait_pacer_next_ms(&pacer, START, &hold);
    assert_true(at_ms > START + 1000000000);
    assert_int_equal(hold, AIT_HOLD_RATE);
}

static void a_429_pauses_everything_and_ends_with_probes(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(16, 0, 1);
    ait_pacer_start(&pacer, START);
    ait_pacer_start(&pacer, START);
    ait_pacer_heard(&pacer, 429, 5000, &unsaid, START);
    ait_pacer_ended(&pacer);
    /* the other one, which was sent before, does not end the pause */
    ait_pacer_heard(&pacer, 201, -1, &unsaid, START + 10);
    ait_pacer_ended(&pacer);
    assert_next(&pacer, START + 10, START + 5000, AIT_HOLD_PAUSE);
    assert_next(&pacer, START + 5000, START + 5000, AIT_HOLD_NONE);
    for (int probe = 0; probe < 3; probe++) {
        ait_pacer_start(&pacer, START + 5000);
        assert_next(&pacer, START + 5000, AIT_PACER_FULL, AIT_HOLD_CONCURRENCY);
        ait_pacer_heard(&pacer, 201, -1, &unsaid, START + 5100);
        ait_pacer_ended(&pacer);
    }
    for (int i = 0; i < 16; i++) {
        assert_next(&pacer, START + 5100, START + 5100, AIT_HOLD_NONE);
        ait_pacer_start(&pacer, START + 5100);
    }
}

static void a_probe_that_meets_429_pauses_again(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(16, 0, 1);
    ait_pacer_heard(&pacer, 429, 1000, &unsaid, START);
    ait_pacer_start(&pacer, START + 1000);
    ait_pacer_heard(&pacer, 429, 2000, &unsaid, START + 1000);
    ait_pacer_ended(&pacer);
    assert_next(&pacer, START + 1000, START + 3000, AIT_HOLD_PAUSE);
    ait_pacer_start(&pacer, START + 3000);
    assert_next(&pacer, START + 3000, AIT_PACER_FULL, AIT_HOLD_CONCURRENCY);
}

static void the_longest_pause_holds(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(16, 0, 1);
    ait_pacer_heard(&pacer, 429, 5000, &unsaid, START);
    ait_pacer_heard(&pacer, 429, 1000, &unsaid, START);
    assert_next(&pacer, START, START + 5000, AIT_HOLD_PAUSE);
}

static void a_429_that_does_not_say_pauses_for_a_second(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(16, 0, 1);
    ait_pacer_heard(&pacer, 429, -1, &unsaid, START);
    assert_next(&pacer, START, START + 1000, AIT_HOLD_PAUSE);
}

static void a_low_allowance_slows_down_before_it_is_used_up(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(16, 0, 1);
    ait_pacer_start(&pacer, START);
    ait_pacer_ended(&pacer);
    ait_pacer_heard(&pacer, 201, -1, &(struct ait_rate_limit){100, 11, -1}, START);
    assert_next(&pacer, START, START, AIT_HOLD_NONE);
    ait_pacer_heard(&pacer, 201, -1, &(struct ait_rate_limit){100, 10, -1}, START);
    assert_next(&pacer, START, START + 600, AIT_HOLD_ALLOWANCE);
    ait_pacer_heard(&pacer, 201, -1, &(struct ait_rate_limit){100, 50, 60000}, START);
    assert_next(&pacer, START, START, AIT_HOLD_NONE);
}

static void requests_in_flight_may_not_be_counted_yet(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(16, 0, 1);
    for (int i = 0; i < 5; i++)
        ait_pacer_start(&pacer, START);
    ait_pacer_heard(&pacer, 201, -1, &(struct ait_rate_limit){100, 15, -1}, START);
    assert_next(&pacer, START, START, AIT_HOLD_NONE);
    ait_pacer_heard(&pacer, 201, -1, &(struct ait_rate_limit){100, 14, -1}, START);
    assert_next(&pacer, START, START + 600, AIT_HOLD_ALLOWANCE);
}

static void what_is_left_is_spread_over_the_time_until_the_reset(void **state)
{
    (void)state;
    static const struct {
        struct ait_rate_limit rate;
        int64_t wait_ms;
    } rows[] = {
        {{100, 0, 30000}, 30000}, {{100, 1, 30000}, 10000},
        {{100, 9, 30000}, 1578},  {{100, 9, 3000}, 157},
        {{5, 0, 0}, 1000},                                      /* within the second */
        {{-1, 0, 5000}, 5000},                                  /* without a limit */
        {{-1, 1, 5000}, 0},       {{100, 0, INT64_MAX}, 60000}, /* a minute at most */
        {{INT64_MAX, 0, -1}, 1},  {{INT64_MAX, INT64_MAX, INT64_MAX}, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ait_pacer pacer = new_pacer(16, 0, 1);
        ait_pacer_start(&pacer, START);
        ait_pacer_ended(&pacer);
        ait_pacer_heard(&pacer, 201, -1, &rows[i].rate, START);
        assert_next(&pacer, START, START + rows[i].wait_ms,
                    rows[i].wait_ms > 0 ? AIT_HOLD_ALLOWANCE : AIT_HOLD_NONE);
    }
}

static void what_is_not_said_changes_nothing(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(16, 0, 1);
    ait_pacer_start(&pacer, START);
    ait_pacer_ended(&pacer);
    ait_pacer_heard(&pacer, 201, -1, &(struct ait_rate_limit){0, 0, 0}, START);
    ait_pacer_heard(&pacer, 201, -1, &(struct ait_rate_limit){100, -1, -1}, START);
    ait_pacer_heard(&pacer, 201, -1, &(struct ait_rate_limit){-1, 0, -1}, START);
    ait_pacer_heard(&pacer, 201, -1, &unsaid, START);
    assert_next(&pacer, START, START, AIT_HOLD_NONE);
}

static void what_leaves_is_taken_off_what_is_left(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(16, 0, 1);
    ait_pacer_start(&pacer, START);
    ait_pacer_heard(&pacer, 201, -1, &(struct ait_rate_limit){5, 4, 1000}, START);
    ait_pacer_ended(&pacer);
    ait_pacer_start(&pacer, START);
    assert_next(&pacer, START, START, AIT_HOLD_NONE);
    ait_pacer_start(&pacer, START); /* of 5, 2 are left: twice as fast as a third each */
    assert_next(&pacer, START, START + 200, AIT_HOLD_ALLOWANCE);
}

static void with_nothing_left_the_reset_is_waited_for(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(16, 0, 1);
    ait_pacer_start(&pacer, START);
    ait_pacer_heard(&pacer, 201, -1, &(struct ait_rate_limit){5, 0, 1000}, START + 400);
    ait_pacer_ended(&pacer);
    assert_next(&pacer, START + 400, START + 1400, AIT_HOLD_ALLOWANCE);
}

/* So many good answers, each so many ms after it was asked for, and then a 429; returns when its
 * pause is over. */
static int64_t refuse_after(struct ait_pacer *pacer, int64_t now_ms, int good, int64_t each_ms)
{
    for (int i = 0; i <= good; i++) {
        ait_pacer_start(pacer, now_ms);
        now_ms += each_ms;
        ait_pacer_heard(pacer, i < good ? 201 : 429, i < good ? -1 : 1000, &unsaid, now_ms);
        ait_pacer_ended(pacer);
    }
    return now_ms + 1000;
}

static int64_t spacing_after(struct ait_pacer *pacer, int64_t now_ms)
{
    enum ait_hold hold;

    ait_pacer_start(pacer, now_ms);
    ait_pacer_heard(pacer, 201, -1, &unsaid, now_ms);
    ait_pacer_ended(pacer);
    return ait_pacer_next_ms(pacer, now_ms, &hold) - now_ms;
}

static void a_silent_server_teaches_its_pace(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(16, 0, 1);
    int64_t now_ms = refuse_after(&pacer, START, 10, 100); /* 10 in 2.1 s, and 1 more */
    assert_in_range(spacing_after(&pacer, now_ms), 181, 185);
}

/* So many requests at once, of which the sixth is refused and `later` of the others are, too. */
static int64_t refuse_sixth(struct ait_pacer *pacer, int count, int later)
{
    for (int i = 0; i < count; i++)
        ait_pacer_start(pacer, START);
    for (int i = 1; i <= count; i++) {
        bool refused = i == 6 || i > count - later;

        ait_pacer_heard(pacer, refused ? 429 : 201, refused ? 1000 : -1, &unsaid, START + 100);
        ait_pacer_ended(pacer);
    }
    return START + 1100;
}

static void a_429_among_many_that_get_through_teaches_nothing(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(20, 0, 1);
    int64_t now_ms = refuse_sixth(&pacer, 20, 0);
    assert_next(&pacer, START + 100, now_ms, AIT_HOLD_PAUSE);
    assert_int_equal(spacing_after(&pacer, now_ms), 0);

    pacer = new_pacer(20, 0, 1);
    now_ms = refuse_sixth(&pacer, 20, 14);
    assert_int_not_equal(spacing_after(&pacer, now_ms), 0);
}

static void refusals_that_are_few_do_not_slow_a_pace_down_further(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(16, 0, 1);
    int64_t now_ms = refuse_after(&pacer, START, 10, 100);
    for (int i = 0; i < 50; i++)
        now_ms = refuse_after(&pacer, now_ms, 50, 200);
    assert_in_range(spacing_after(&pacer, now_ms), 180, 194);
}

static void a_server_that_tells_what_is_left_teaches_nothing_else(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(16, 0, 1);
    for (int i = 0; i < 10; i++)
        spacing_after(&pacer, START);
    ait_pacer_heard(&pacer, 429, 5000, &(struct ait_rate_limit){100, 0, 5000}, START);
    ait_pacer_heard(&pacer, 201, -1, &(struct ait_rate_limit){100, 90, 5000}, START + 5000);
    assert_next(&pacer, START + 5000, START + 5000, AIT_HOLD_NONE);
}

static void a_pace_is_forgotten_after_a_minute_without_work(void **state)
{
    (void)state;
    struct ait_pacer pacer = new_pacer(16, 0, 1);
    int64_t now_ms = refuse_after(&pacer, START, 10, 100);
    assert_int_not_equal(spacing_after(&pacer, now_ms), 0);
    assert_int_equal(spacing_after(&pacer, now_ms + 70000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_limits_everything_leaves_at_once),
        cmocka_unit_test(concurrency_counts_what_is_in_flight),
        cmocka_unit_test(a_rate_spaces_requests),
        cmocka_unit_test(a_rate_is_used_and_not_passed),
        cmocka_unit_test(a_burst_may_go_at_once_after_a_pause_and_no_more),
        cmocka_unit_test(tiny_rates_do_not_overflow),
        cmocka_unit_test(a_429_pauses_everything_and_ends_with_probes),
        cmocka_unit_test(a_probe_that_meets_429_pauses_again),
        cmocka_unit_test(the_longest_pause_holds),
        cmocka_unit_test(a_429_that_does_not_say_pauses_for_a_second),
        cmocka_unit_test(a_low_allowance_slows_down_before_it_is_used_up),
        cmocka_unit_test(requests_in_flight_may_not_be_counted_yet),
        cmocka_unit_test(what_is_left_is_spread_over_the_time_until_the_reset),
        cmocka_unit_test(what_is_not_said_changes_nothing),
        cmocka_unit_test(what_leaves_is_taken_off_what_is_left),
        cmocka_unit_test(with_nothing_left_the_reset_is_waited_for),
        cmocka_unit_test(a_silent_server_teaches_its_pace),
        cmocka_unit_test(a_429_among_many_that_get_through_teaches_nothing),
        cmocka_unit_test(refusals_that_are_few_do_not_slow_a_pace_down_further),
        cmocka_unit_test(a_server_that_tells_what_is_left_teaches_nothing_else),
        cmocka_unit_test(a_pace_is_forgotten_after_a_minute_without_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
