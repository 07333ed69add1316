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

static void a_429_pauses_everything_and_ends_with_one_probe(void **state)
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
    ait_pacer_start(&pacer, START + 5000);
    assert_next(&pacer, START + 5000, AIT_PACER_FULL, AIT_HOLD_CONCURRENCY);
    ait_pacer_heard(&pacer, 201, -1, &unsaid, START + 5100);
    ait_pacer_ended(&pacer);
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
    assert_next(&pacer, START, START + 600, AIT_HOLD_ALLOWANCE);
}

static void what_is_left_is_spread_over_the_time_until_the_reset(void **state)
{
    (void)state;
    static const struct {
        struct ait_rate_limit rate;
        int64_t wait_ms;
    } rows[] = {
        {{100, 0, 30000}, 30000}, {{100, 1, 30000}, 15000},
        {{100, 9, 30000}, 3000},  {{100, 9, 3000}, 600},        /* never faster than the limit */
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

/* Sends for 20 minutes, each answer 20 ms later, to a server that says what is left. */
struct server {
    double left;
    int64_t counted_ms;
    bool window; /* starts anew each minute; else a bucket */
};

static const double limit = 100, bucket = 120;

static bool serve(struct server *server, int64_t now_ms, struct ait_rate_limit *rate)
{
    int64_t window_ms = (now_ms - START) / 60000 * 60000 + START;
    bool served;

    if (server->window && server->counted_ms < window_ms)
        server->left = limit;
    else if (!server->window)
        server->left += (double)(now_ms - server->counted_ms) * limit / 60000;
    if (!server->window && server->left > bucket)
        server->left = bucket;
    server->counted_ms = now_ms;
    served = server->left >= 1;
    server->left -= served ? 1 : 0;
    *rate = (struct ait_rate_limit){
        .limit = (int64_t)limit,
        .remaining = (int64_t)server->left,
        .reset_ms = server->window ? window_ms + 60000 - now_ms
                                   : (int64_t)((bucket - server->left) / limit * 60000),
    };
    return served;
}

static void use_for_20_minutes(struct server server, int *good, int *refused)
{
    struct ait_pacer pacer = new_pacer(16, 0, 1);

    *good = *refused = 0;
    for (int64_t now_ms = START; now_ms < START + 20 * 60000;) {
        enum ait_hold hold;
        struct ait_rate_limit rate;
        int64_t at_ms = ait_pacer_next_ms(&pacer, now_ms, &hold);

        if (at_ms > now_ms) {
            now_ms = at_ms;
            continue;
        }
        ait_pacer_start(&pacer, now_ms);
        bool served = serve(&server, now_ms, &rate);
        *good += served;
        *refused += !served;
        now_ms += 20;
        ait_pacer_heard(&pacer, served ? 201 : 429, served ? -1 : rate.reset_ms, &rate, now_ms);
        ait_pacer_ended(&pacer);
    }
}

static void a_server_is_used_and_hardly_ever_says_429(void **state)
{
    (void)state;
    const struct server servers[] = {{bucket, START, false}, {limit, START, true}};
    for (size_t i = 0; i < 2; i++) {
        int good, refused;
        use_for_20_minutes(servers[i], &good, &refused);
        assert_true(good >= 0.9 * limit * 20);
        assert_in_range(refused, 0, 2);
    }
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
        cmocka_unit_test(a_429_pauses_everything_and_ends_with_one_probe),
        cmocka_unit_test(a_probe_that_meets_429_pauses_again),
        cmocka_unit_test(the_longest_pause_holds),
        cmocka_unit_test(a_429_that_does_not_say_pauses_for_a_second),
        cmocka_unit_test(a_low_allowance_slows_down_before_it_is_used_up),
        cmocka_unit_test(requests_in_flight_may_not_be_counted_yet),
        cmocka_unit_test(what_is_left_is_spread_over_the_time_until_the_reset),
        cmocka_unit_test(what_is_not_said_changes_nothing),
        cmocka_unit_test(a_server_is_used_and_hardly_ever_says_429),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
