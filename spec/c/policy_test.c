/* Every report, and every case that a call can be in after an attempt, against the rows and
 * rules of policy_table.h. policy_wait_test.c asks how long, policy_walk_test.c plays whole
 * calls. */
#include "policy_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MAX_RETRIES 2
#define SETTLE_MS 4000
#define NOW_MS INT64_C(1000000)
#define FAR_MS INT64_C(1000000000)
#define CAP_MS 8000
#define ALMOST_ONE (1 - 0x1p-53)

static const bool booleans[] = {false, true};
static const double chances[] = {0, 0.5, ALMOST_ONE};

/* -- classes -- */

static void assert_one_class(const struct ait_report *report)
{
    int rows = 0;

    EACH(struct class_row, row, class_rows)
    {
        if (!class_row_fits(row, report))
            continue;
        rows++;
        if (ait_policy_classify(report) != row->class)
            fail_msg("failure %d, begun %d, status %d, whole %d, readable %d, asked %d",
                     report->failure, report->begun, report->status, report->headers_whole,
                     report->readable, (int)report->retry_after_ms);
    }
    assert_int_equal(rows, 1);
}

/* Every status, and every combination of what else a report says. */
static void every_report_is_of_the_class_that_its_one_row_says(void **state)
{
    (void)state;
    for (int failure = AIT_FAILURE_NONE; failure <= AIT_FAILURE_CLOSED; failure++)
        for (int status = 0; status <= 999; status++)
            for (unsigned bits = 0; bits < 32; bits++)
                assert_one_class(&(struct ait_report){
                    .failure = (enum ait_failure)failure,
                    .begun = bits & 1,
                    .status = status,
                    .headers_whole = bits & 2,
                    .readable = bits & 4,
                    .may_retry = bits & 8,
                    .retry_after_ms = bits & 16 ? 0 : -1,
                });
}

/* -- decisions -- */

/* A row of either table, as far as it says what is to come. */
struct expected {
    enum ait_verdict verdict;
    enum pace pace;
    enum fate fate;
    bool retryable;
};

static enum ait_fate expected_fate(const struct step *s, enum fate fate)
{
    if (fate == UNKNOWN || (fate == SO_FAR && s->before.in_doubt))
        return AIT_FATE_UNKNOWN;
    if (s->before.reached || (!s->after_look_up && s->report.begun))
        return AIT_FATE_REJECTED;
    return AIT_FATE_NOT_SENT;
}

static void assert_fails(const struct step *s, const struct expected *e)
{
    bool vetoed = s->after_look_up ? !s->before.passing : !s->report.may_retry;
    enum ait_fate fate = expected_fate(s, e->fate);

    assert_int_equal(s->decision.verdict, AIT_FAIL);
    assert_int_equal(s->decision.fate, fate);
    assert_int_equal(s->decision.retryable, e->retryable && !vetoed && fate != AIT_FATE_UNKNOWN);
}

static int64_t backoff_ceiling_ms(const struct step *s)
{
    int64_t ceiling_ms = !s->after_look_up && s->report.status == 429 ? 1000 : 500;
    int round = s->after_look_up ? s->before.look_ups : s->before.retries;

    while (round-- > 0)
        ceiling_ms *= 2;
    return ceiling_ms < CAP_MS ? ceiling_ms : CAP_MS;
}

/* The latest time that the pace allows, where the server asks for none. */
static int64_t latest_ms(const struct step *s, enum pace pace)
{
    int64_t settled_ms = s->after.absent_ms + SETTLE_MS;

    switch (pace) {
    case BACKOFF:
        return s->now_ms + backoff_ceiling_ms(s) - 1;
    case SETTLE:
        return settled_ms > s->now_ms ? settled_ms : s->now_ms;
    default:
        return s->now_ms;
    }
}

static void assert_in_time(const struct step *s, enum pace pace)
{
    int64_t asked_ms = s->report.retry_after_ms;
    int64_t latest = latest_ms(s, pace);
    int64_t latest_asked = s->now_ms + asked_ms + asked_ms / 10;

    if (asked_ms >= 0 && latest_asked > latest)
        latest = latest_asked;
    assert_in_range(s->decision.at_ms, s->now_ms + (asked_ms > 0 ? asked_ms : 0), latest);
}

static void take_sound_step(struct step *s)
{
    const char *broken = take_step(s);

    if (broken != NULL)
        fail_msg("breaks the rule: %s", broken);
}

/* The step is as expected where the deadline is far, just far enough, and too near. */
static void assert_decides(struct step *s, const struct expected *e)
{
    s->rules.deadline_ms = FAR_MS;
    take_sound_step(s);
    if (e->verdict == AIT_FAIL) {
        assert_fails(s, e);
        return;
    }
    assert_int_equal(s->decision.verdict, e->verdict);
    if (e->verdict == AIT_DONE)
        return;
    assert_in_time(s, e->pace);
    int64_t at_ms = s->decision.at_ms;
    s->rules.deadline_ms = at_ms + 1;
    take_sound_step(s);
    assert_int_equal(s->decision.verdict, e->verdict);
    assert_int_equal(s->decision.at_ms, at_ms);
    s->rules.deadline_ms = at_ms;
    take_sound_step(s);
    assert_fails(s, e);
}

static void assert_decides_after_sending(struct step *s)
{
    enum ait_class class = class_of(&s->report);
    bool again = s->before.retries < MAX_RETRIES && s->report.may_retry && s->may_spend;
    int status = s->report.status;
    bool special = class == AIT_CLASS_MADE_REPLY_LOST ? was_cut_short(&s->report) : status == 503;
    int rows = 0;

    if (class == AIT_CLASS_REJECTED)
        special = s->before.doubted && (status == 409 || !s->rules.can_look_up);

    EACH(struct sending_row, row, sending_rows)
    {
        if (row->class != class || !fits(row->again, again) || !fits(row->special, special) ||
            !fits(row->repeatable, s->rules.repeatable) ||
            !fits(row->can_look_up, s->rules.can_look_up))
            continue;
        rows++;
        assert_decides(s, &(struct expected){row->verdict, row->pace, row->fate, row->retryable});
    }
    assert_int_equal(rows, 1);
}

static bool may_look_again(const struct step *s)
{
    switch (class_of(&s->report)) {
    case AIT_CLASS_NOT_SENT_PASSING:
    case AIT_CLASS_TURNED_AWAY:
    case AIT_CLASS_AMBIGUOUS:
        break;
    case AIT_CLASS_MADE_REPLY_LOST:
        if (was_cut_short(&s->report))
            break;
        return false;
    default:
        return false;
    }
    return s->report.may_retry && s->before.look_ups < MAX_RETRIES;
}

static void assert_decides_after_look_up(struct step *s)
{
    const struct ait_history *h = &s->before;
    bool settled = h->absent && h->look_up_ms - h->absent_ms >= SETTLE_MS;
    bool again =
        h->retries < MAX_RETRIES && s->may_spend && h->passing && (h->checking || !h->sent_again);
    int rows = 0;

    EACH(struct look_up_row, row, look_up_rows)
    {
        if (row->finding != s->finding || !fits(row->checking, h->checking) ||
            !fits(row->barred, h->barred) || !fits(row->settled, settled) ||
            !fits(row->again, again) || !fits(row->passing, may_look_again(s)))
            continue;
        rows++;
        assert_decides(s, &(struct expected){row->verdict, row->pace, row->fate, row->retryable});
    }
    assert_int_equal(rows, 1);
}

/* -- every case -- */

/* One report for each row of each class, and for what the decision asks beside the class. */
static const struct ait_report reports[] = {
    {.failure = AIT_FAILURE_CONNECT},
    {.failure = AIT_FAILURE_CERTIFICATE},
    {.failure = AIT_FAILURE_TIMEOUT, .begun = true},
    {.failure = AIT_FAILURE_RESEND, .begun = true},
    {.begun = true, .status = 201, .headers_whole = true, .readable = true},
    {.begun = true, .status = 200, .headers_whole = true},
    {.failure = AIT_FAILURE_TRUNCATED, .begun = true, .status = 201, .headers_whole = true},
    {.failure = AIT_FAILURE_RESPONSE_TOO_LARGE,
     .begun = true,
     .status = 200,
     .headers_whole = true},
    {.failure = AIT_FAILURE_RESET, .begun = true, .status = 429},
    {.begun = true, .status = 302, .headers_whole = true},
    {.begun = true, .status = 403, .headers_whole = true},
    {.begun = true, .status = 404, .headers_whole = true},
    {.begun = true, .status = 408, .headers_whole = true},
    {.begun = true, .status = 409, .headers_whole = true},
    {.begun = true, .status = 421, .headers_whole = true},
    {.begun = true, .status = 425, .headers_whole = true},
    {.begun = true, .status = 429, .headers_whole = true},
    {.begun = true, .status = 500, .headers_whole = true},
    {.begun = true, .status = 503, .headers_whole = true},
    {.begun = true, .status = 504, .headers_whole = true},
};

static const int64_t asked_waits_ms[] = {-1, 0, 3000, 20000};

/* Calls the function with every report, waits asked for and not, vetoed and not, with and
 * without budget, for every chance. */
static void for_each_report(struct step *s, void (*assert_decision)(struct step *))
{
    EACH(struct ait_report, report, reports)
    EACH(int64_t, asked_ms, asked_waits_ms)
    EACH(bool, may_retry, booleans)
    EACH(bool, may_spend, booleans)
    EACH(double, chance, chances)
    {
        s->report = *report;
        s->report.retry_after_ms = *asked_ms;
        s->report.may_retry = *may_retry;
        s->may_spend = *may_spend;
        s->random = *chance;
        assert_decision(s);
    }
}

/* Calls the function with every history that the rules allow at this point. The first of the
 * look-ups that found nothing lies absent_for_ms before the last. */
static void for_each_case(struct step *s, int64_t absent_for_ms,
                          void (*assert_decision)(struct step *))
{
    int histories = 0;

    for (unsigned bits = 0; bits < 256; bits++)
        for (int retries = 0; retries <= MAX_RETRIES; retries++)
            for (int look_ups = 0; look_ups <= MAX_RETRIES; look_ups++) {
                s->before = (struct ait_history){
                    .retries = retries,
                    .look_ups = look_ups,
                    .reached = bits & 1,
                    .passing = bits & 2,
                    .in_doubt = bits & 4,
                    .doubted = bits & 8,
                    .barred = bits & 16,
                    .checking = bits & 32,
                    .sent_again = bits & 64,
                    .absent = bits & 128,
                    .look_up_ms = NOW_MS - 100,
                    .absent_ms = NOW_MS - 100 - absent_for_ms,
                    .not_before_ms = NOW_MS - 200,
                };
                if (broken_history_rule(&s->rules, &s->before, s->after_look_up) != NULL)
                    continue;
                histories++;
                for_each_report(s, assert_decision);
            }
    assert_true(histories > 0);
}

/* What only reads has no look-up. */
enum operation { MAKES, MAKES_AND_LOOKS_UP, READS };

static const enum operation operations[] = {MAKES, MAKES_AND_LOOKS_UP, READS};

static struct step step_of(enum operation operation)
{
    return (struct step){
        .rules = {.max_retries = MAX_RETRIES,
                  .can_look_up = operation == MAKES_AND_LOOKS_UP,
                  .repeatable = operation == READS,
                  .settle_ms = SETTLE_MS},
        .now_ms = NOW_MS,
    };
}

static void every_case_after_a_sending_has_its_one_row(void **state)
{
    (void)state;
    EACH(enum operation, operation, operations)
    {
        struct step s = step_of(*operation);
        for_each_case(&s, SETTLE_MS, assert_decides_after_sending);
    }
}

static void every_case_after_a_look_up_has_its_one_row(void **state)
{
    (void)state;
    static const int64_t absent_for_ms[] = {0, 1, SETTLE_MS - 1, SETTLE_MS, 3 * SETTLE_MS};

    for (int finding = AIT_FINDING_FOUND; finding <= AIT_FINDING_NOTHING; finding++)
        EACH(int64_t, absent_ms, absent_for_ms)
        {
            struct step s = step_of(MAKES_AND_LOOKS_UP);
            s.after_look_up = true;
            s.finding = (enum ait_finding)finding;
            for_each_case(&s, *absent_ms, assert_decides_after_look_up);
        }
}

static void a_call_ended_from_outside_tells_what_is_known(void **state)
{
    (void)state;
    EACH(bool, reached, booleans)
    EACH(bool, in_doubt, booleans)
    EACH(bool, begun, booleans)
    EACH(bool, repeatable, booleans)
    {
        struct ait_rules rules = {.repeatable = *repeatable};
        struct ait_history history = {.reached = *reached, .in_doubt = *in_doubt};
        enum ait_fate expected = *reached || *begun ? AIT_FATE_REJECTED : AIT_FATE_NOT_SENT;
        if (*repeatable && *in_doubt)
            continue;
        if (*in_doubt || (*begun && !*repeatable))
            expected = AIT_FATE_UNKNOWN;
        assert_int_equal(ait_policy_fate(&rules, &history, *begun), expected);
    }
}

/* -- the tables for users -- */

static const char *const class_names[] = {
    [AIT_CLASS_MADE] = "made",
    [AIT_CLASS_MADE_REPLY_LOST] = "made, reply lost",
    [AIT_CLASS_NOT_SENT_PASSING] = "not sent, passing",
    [AIT_CLASS_NOT_SENT_LASTING] = "not sent, lasting",
    [AIT_CLASS_TURNED_AWAY] = "turned away",
    [AIT_CLASS_AMBIGUOUS] = "ambiguous",
    [AIT_CLASS_REJECTED] = "rejected",
};

static void print_joined(const char **separator, const char *text)
{
    if (text == NULL)
        return;
    (void)printf("%s%s", *separator, text);
    *separator = "; ";
}

static void print_classes(void)
{
    (void)puts("| after an attempt | that is | next |\n| --- | --- | --- |");
    for (size_t class = 0; class < COUNT(class_names); class ++) {
        const char *separator = "";
        (void)printf("| %s | ", class_names[class]);
        EACH(struct class_row, row, class_rows)
        if (row->class == class)
            print_joined(&separator, row->example);
        separator = " | ";
        EACH(struct sending_row, row, sending_rows)
        if (row->class == class)
            print_joined(&separator, row->next);
        (void)puts(" |");
    }
}

static void print_findings(void)
{
    const char *finds = NULL;

    (void)printf("\n| a look-up finds | next |\n| --- | --- |");
    EACH(struct look_up_row, row, look_up_rows)
    {
        if (row->finds == NULL)
            continue;
        if (finds != NULL && strcmp(finds, row->finds) == 0) {
            (void)printf("; %s", row->next);
        } else {
            (void)printf("%s\n| %s | %s", finds == NULL ? "" : " |", row->finds, row->next);
            finds = row->finds;
        }
    }
    (void)puts(" |");
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--table") == 0) {
        print_classes();
        print_findings();
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_report_is_of_the_class_that_its_one_row_says),
        cmocka_unit_test(every_case_after_a_sending_has_its_one_row),
        cmocka_unit_test(every_case_after_a_look_up_has_its_one_row),
        cmocka_unit_test(a_call_ended_from_outside_tells_what_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
