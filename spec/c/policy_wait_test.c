/* How long a call waits: for its next sending, and between look-ups. */
#include "policy_table.h"

#include "clock.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW_MS INT64_C(1000000)
#define ALMOST_ONE (1 - 0x1p-53)

static const struct ait_report refused = {
    .failure = AIT_FAILURE_CONNECT, .may_retry = true, .retry_after_ms = -1};
static const struct ait_report timed_out = {
    .failure = AIT_FAILURE_TIMEOUT, .begun = true, .may_retry = true, .retry_after_ms = -1};

static struct ait_report answer(int status, int64_t asked_ms)
{
    return (struct ait_report){.begun = true,
                               .status = status,
                               .headers_whole = true,
                               .may_retry = true,
                               .retry_after_ms = asked_ms};
}

static void decide(struct step *s)
{
    s->may_spend = true;
    const char *broken = take_step(s);
    if (broken != NULL)
        fail_msg("breaks the rule: %s", broken);
}

/* -- for a sending -- */

static int64_t wait_after(const struct ait_report *report, int retries, double random)
{
    struct step s = {.rules = {.max_retries = 20, .deadline_ms = INT64_MAX},
                     .report = *report,
                     .now_ms = NOW_MS,
                     .random = random,
                     .before = {.retries = retries}};

    decide(&s);
    assert_int_equal(s.decision.verdict, AIT_SEND);
    return s.decision.at_ms - NOW_MS;
}

static void assert_backs_off(const struct ait_report *report, const int64_t ceilings_ms[11])
{
    for (int round = 0; round <= 10; round++) {
        assert_int_equal(wait_after(report, round, 0), 0);
        assert_int_equal(wait_after(report, round, 0.5), ceilings_ms[round] / 2);
        assert_int_equal(wait_after(report, round, ALMOST_ONE), ceilings_ms[round] - 1);
    }
}

static void backoff_doubles_up_to_its_cap_with_full_jitter(void **state)
{
    (void)state;
    static const int64_t after_429[11] = {1000, 2000, 4000, 8000, 8000, 8000,
                                          8000, 8000, 8000, 8000, 8000};
    static const int64_t after_others[11] = {500,  1000, 2000, 4000, 8000, 8000,
                                             8000, 8000, 8000, 8000, 8000};
    struct ait_report too_many = answer(429, -1), misdirected = answer(421, -1);

    assert_backs_off(&too_many, after_429);
    assert_backs_off(&misdirected, after_others);
    assert_backs_off(&refused, after_others);
}

static void a_wait_asked_for_is_a_lower_bound_with_a_tenth_of_jitter(void **state)
{
    (void)state;
    static const int64_t asked_waits_ms[] = {1000, 10000, 60000, INT64_C(31536000000)};

    EACH(int64_t, asked_ms, asked_waits_ms)
    {
        struct ait_report report = answer(425, *asked_ms);
        assert_int_equal(wait_after(&report, 0, 0), *asked_ms);
        assert_int_equal(wait_after(&report, 0, 0.5), *asked_ms + *asked_ms / 20);
        assert_int_equal(wait_after(&report, 0, ALMOST_ONE), *asked_ms + *asked_ms / 10 - 1);
    }
}

static void a_wait_shorter_than_the_backoff_does_not_shorten_it(void **state)
{
    (void)state;
    struct ait_report at_once = answer(425, 0), soon = answer(425, 10);

    assert_int_equal(wait_after(&at_once, 0, 0.5), 250);
    assert_int_equal(wait_after(&soon, 0, 0.5), 250);
    assert_int_equal(wait_after(&soon, 0, 0), 10);
}

/* Pearson's statistic over 50 equal bins has 49 degrees of freedom: for a uniform distribution
 * it passes 150 with a chance of 4e-12. */
static void first_waits_are_uniform_with_the_randomness_of_the_system(void **state)
{
    (void)state;
    enum { RUNS = 10000, BINS = 50, BIN_MS = 10 };
    int counts[BINS] = {0};
    double statistic = 0;

    for (int i = 0; i < RUNS; i++) {
        int64_t wait_ms = wait_after(&refused, 0, ait_clock_random());
        assert_in_range(wait_ms, 0, BINS * BIN_MS - 1);
        counts[wait_ms / BIN_MS]++;
    }
    for (int i = 0; i < BINS; i++) {
        double surplus = counts[i] - (double)RUNS / BINS;
        statistic += surplus * surplus * BINS / RUNS;
    }
    assert_true(statistic < 150);
}

/* -- between look-ups -- */

/* A call that looks up since the answer to its sending, which came at NOW_MS, was lost. */
static struct step step_in_doubt(int64_t settle_ms)
{
    struct step s = {.rules = {.max_retries = 2,
                               .can_look_up = true,
                               .settle_ms = settle_ms,
                               .deadline_ms = INT64_MAX},
                     .report = timed_out,
                     .now_ms = NOW_MS};

    decide(&s);
    assert_int_equal(s.decision.verdict, AIT_LOOK_UP);
    assert_int_equal(s.decision.at_ms, NOW_MS);
    return s;
}

static void take_look_up(struct step *s, int64_t after_ms, enum ait_finding finding,
                         const struct ait_report *report)
{
    s->before = s->after;
    s->after_look_up = true;
    s->now_ms = NOW_MS + after_ms;
    s->finding = finding;
    s->report = *report;
    decide(s);
}

static void assert_after_absence(struct step *s, int64_t after_ms, enum ait_verdict verdict,
                                 int64_t next_ms)
{
    struct ait_report not_found = answer(404, -1);

    take_look_up(s, after_ms, AIT_FINDING_ABSENT, &not_found);
    assert_int_equal(s->decision.verdict, verdict);
    assert_int_equal(s->decision.at_ms, NOW_MS + next_ms);
}

static void look_ups_that_find_none_are_two_more_within_settle(void **state)
{
    (void)state;
    struct step s = step_in_doubt(4000);

    assert_after_absence(&s, 10, AIT_LOOK_UP, 2010);
    assert_after_absence(&s, 2020, AIT_LOOK_UP, 4000);
    assert_after_absence(&s, 4010, AIT_SEND, 4010);
}

/* It was asked before the time was up, so what it says may be of before as well. */
static void the_late_answer_of_an_early_look_up_settles_nothing(void **state)
{
    (void)state;
    struct step s = step_in_doubt(4000);

    assert_after_absence(&s, 9000, AIT_LOOK_UP, 9000);
    assert_after_absence(&s, 9010, AIT_SEND, 9010);
}

static void one_look_up_is_enough_where_nothing_has_to_settle(void **state)
{
    (void)state;
    struct step s = step_in_doubt(0);

    assert_after_absence(&s, 10, AIT_SEND, 10);
}

static void a_look_up_that_failed_backs_off(void **state)
{
    (void)state;
    struct step s = step_in_doubt(4000);

    s.random = 0.5;
    take_look_up(&s, 10, AIT_FINDING_NOTHING, &timed_out);
    assert_int_equal(s.decision.at_ms, NOW_MS + 260);
    take_look_up(&s, 260, AIT_FINDING_NOTHING, &timed_out);
    assert_int_equal(s.decision.at_ms, NOW_MS + 760);
    take_look_up(&s, 760, AIT_FINDING_NOTHING, &timed_out);
    assert_int_equal(s.decision.verdict, AIT_FAIL);
}

static void look_ups_wait_as_asked_too(void **state)
{
    (void)state;
    struct step s = step_in_doubt(4000);
    struct ait_report too_many = answer(429, 7000), not_found = answer(404, 5000);

    take_look_up(&s, 10, AIT_FINDING_NOTHING, &too_many);
    assert_int_equal(s.decision.at_ms, NOW_MS + 7010);
    take_look_up(&s, 8000, AIT_FINDING_ABSENT, &not_found);
    assert_int_equal(s.decision.at_ms, NOW_MS + 13000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backoff_doubles_up_to_its_cap_with_full_jitter),
        cmocka_unit_test(a_wait_asked_for_is_a_lower_bound_with_a_tenth_of_jitter),
        cmocka_unit_test(a_wait_shorter_than_the_backoff_does_not_shorten_it),
        cmocka_unit_test(first_waits_are_uniform_with_the_randomness_of_the_system),
        cmocka_unit_test(look_ups_that_find_none_are_two_more_within_settle),
        cmocka_unit_test(the_late_answer_of_an_early_look_up_settles_nothing),
        cmocka_unit_test(one_look_up_is_enough_where_nothing_has_to_settle),
        cmocka_unit_test(a_look_up_that_failed_backs_off),
        cmocka_unit_test(look_ups_wait_as_asked_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
