/* Whole calls, driven by the policy against a simulated server that knows the truth.
 *
 * The server may make an invitation at any time between the sending and its answer, or, where
 * the answer is lost, up to just before settle has gone by after that. It answers anything, or
 * nothing, as chance will have it; a second sending makes a second invitation unless it is a
 * server that knows duplicates. Look-ups tell the truth of some time between their beginning
 * and their answer, or nothing. What the policy promises is then held against the truth. */
#include "policy_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MAX_STEPS 2000
#define MAX_MADE 32

/* -- chance: splitmix64, so that every run is the same -- */

static uint64_t seed;

static uint64_t next_random(void)
{
    uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* One of 0 to n - 1. */
static int64_t one_of(int64_t n)
{
    return (int64_t)(next_random() % (uint64_t)n);
}

static bool once_in(int64_t n)
{
    return one_of(n) == 0;
}

static double random_share(void)
{
    return (double)(next_random() >> 11) * 0x1p-53;
}

/* -- the world: what nobody but the test knows -- */

enum other { NOBODYS, SAME_ROLE, OTHER_ROLE };

struct world {
    struct ait_rules rules;
    bool knows_duplicates; /* answers a sending with 409 where there is an invitation */
    bool works_on_503;     /* may make it, and still answer 503 with Retry-After */
    enum other other;      /* somebody else's invitation for the address, from before */
    int64_t made_ms[MAX_MADE];
    int made; /* by our sendings, some of them perhaps later than now */
    bool left;
    bool vetoed; /* told us not to send again */
    int64_t now_ms;
};

static bool ours_exists(const struct world *w, int64_t at_ms)
{
    for (int i = 0; i < w->made; i++)
        if (w->made_ms[i] <= at_ms)
            return true;
    return false;
}

static bool any_exists(const struct world *w, int64_t at_ms)
{
    return w->other != NOBODYS || ours_exists(w, at_ms);
}

static void make(struct world *w, int64_t at_ms)
{
    assert_true(w->made < MAX_MADE);
    w->made_ms[w->made++] = at_ms;
}

/* Most attempts are quick, some take longer than settle. */
static int64_t some_latency_ms(const struct world *w)
{
    return once_in(4) ? one_of(3 * w->rules.settle_ms + 2000) : one_of(100);
}

static struct ait_report answer(int status)
{
    return (struct ait_report){.begun = true,
                               .status = status,
                               .headers_whole = true,
                               .readable = once_in(2),
                               .may_retry = !once_in(16),
                               .retry_after_ms = once_in(8) ? one_of(10000) : -1};
}

static struct ait_report unsent(void)
{
    enum ait_failure failure = once_in(8)
                                   ? AIT_FAILURE_CERTIFICATE
                                   : passing_failures[one_of((int64_t)COUNT(passing_failures))];

    return (struct ait_report){.failure = failure, .may_retry = true, .retry_after_ms = -1};
}

/* No answer at all, or one that does not tell whether the work was done. */
static struct ait_report ambiguous(void)
{
    static const enum ait_failure failures[] = {AIT_FAILURE_TIMEOUT, AIT_FAILURE_RESET,
                                                AIT_FAILURE_RESEND, AIT_FAILURE_HTTP2,
                                                AIT_FAILURE_NOT_HTTP};
    static const int statuses[] = {408, 500, 501, 502, 503, 504, 599};
    static const int cut_short[] = {302, 400, 409, 425, 429, 503};
    struct ait_report report = answer(0);

    switch (one_of(3)) {
    case 0:
        report.failure = failures[one_of((int64_t)COUNT(failures))];
        break;
    case 1:
        report.status = statuses[one_of((int64_t)COUNT(statuses))];
        if (report.status == 503)
            report.retry_after_ms = -1;
        break;
    default:
        report.status = cut_short[one_of((int64_t)COUNT(cut_short))];
        report.failure = AIT_FAILURE_RESET;
        report.headers_whole = false;
    }
    return report;
}

static struct ait_report turned_away(struct world *w, int64_t at_ms)
{
    static const int statuses[] = {421, 425, 429, 503, 503};
    struct ait_report report = answer(statuses[one_of((int64_t)COUNT(statuses))]);

    if (report.status == 503) {
        report.retry_after_ms = one_of(10000);
        if (w->works_on_503 && once_in(2))
            make(w, at_ms);
    }
    return report;
}

static struct ait_report made(struct world *w, int64_t at_ms)
{
    struct ait_report report = answer(once_in(8) ? 202 : 201);

    make(w, at_ms);
    report.readable = !once_in(3);
    if (once_in(6)) {
        report.failure = AIT_FAILURE_TRUNCATED;
        report.headers_whole = once_in(2);
    }
    return report;
}

/* A sending that is under way from w->now_ms to end_ms. */
static struct ait_report serve_sending(struct world *w, int64_t end_ms)
{
    static const int refusals[] = {302, 400, 401, 403, 404, 409, 409, 422};
    int64_t at_ms = w->now_ms + one_of(end_ms - w->now_ms + 1);
    bool refuses = w->knows_duplicates && any_exists(w, at_ms);
    int64_t what = one_of(8);

    if (what == 0)
        return unsent();
    w->left = true;
    if (what == 1)
        return turned_away(w, at_ms);
    if (what == 2)
        return answer(refusals[one_of((int64_t)COUNT(refusals))]);
    if (what <= 4 && !refuses)
        return made(w, at_ms);
    if (what <= 4)
        return answer(409);
    if (!refuses && !once_in(3)) {
        bool late = w->rules.settle_ms > 0 && once_in(2);
        make(w, late ? end_ms + one_of(w->rules.settle_ms) : at_ms);
    }
    return ambiguous();
}

static struct ait_report serve_look_up(const struct world *w, int64_t end_ms,
                                       enum ait_finding *finding)
{
    int64_t at_ms = w->now_ms + one_of(end_ms - w->now_ms + 1);
    bool ours = ours_exists(w, at_ms);

    if (once_in(6)) {
        static const int statuses[] = {401, 404, 429, 200, 503};
        *finding = AIT_FINDING_NOTHING;
        return once_in(2) ? ambiguous() : answer(statuses[one_of((int64_t)COUNT(statuses))]);
    }
    if (!ours && w->other == NOBODYS) {
        *finding = AIT_FINDING_ABSENT;
        return answer(404);
    }
    *finding =
        w->other == OTHER_ROLE && (!ours || once_in(2)) ? AIT_FINDING_OTHER : AIT_FINDING_FOUND;
    return answer(200);
}

/* -- one call -- */

struct ending {
    bool done; /* else failed, or ended from outside, with this fate: */
    enum ait_fate fate;
    bool outside;
    bool by_look_up;
    bool sent_again; /* after proven absence */
    int sendings;
};

static struct world new_world(void)
{
    static const int64_t settles_ms[] = {0, 1, 5, 400, 4000};
    int64_t now_ms = one_of(1000000);

    return (struct world){
        .rules = {.max_retries = (int)one_of(5),
                  .can_look_up = !once_in(6),
                  .settle_ms = settles_ms[one_of((int64_t)COUNT(settles_ms))],
                  .deadline_ms = now_ms + 1 + one_of(120000)},
        .knows_duplicates = once_in(2),
        .other = once_in(8) ? (once_in(2) ? SAME_ROLE : OTHER_ROLE) : NOBODYS,
        .now_ms = now_ms,
    };
}

static struct ending ended_outside(struct ending ending, const struct step *s, bool begun)
{
    ending.outside = true;
    ending.fate = ait_policy_fate(&s->rules, &s->after, begun);
    return ending;
}

/* Runs one attempt and asks the policy what comes next. False: it was cancelled meanwhile, which
 * leaves in *begun whether a sending may have left. */
static bool attempt(struct world *w, struct step *s, bool *begun)
{
    int64_t end_ms = w->now_ms + some_latency_ms(w);

    s->after_look_up = s->decision.verdict == AIT_LOOK_UP;
    s->report = s->after_look_up ? serve_look_up(w, end_ms, &s->finding) : serve_sending(w, end_ms);
    *begun = !s->after_look_up && s->report.begun;
    w->vetoed |= !s->after_look_up && !s->report.may_retry;
    if (once_in(50))
        return false;
    w->now_ms = s->now_ms = end_ms;
    s->may_spend = !once_in(16);
    s->random = random_share();
    s->before = s->after;
    const char *broken = take_step(s);
    if (broken != NULL)
        fail_msg("breaks the rule: %s", broken);
    return true;
}

/* Does as the client does: begins no attempt early, and none at or after the deadline. */
static struct ending run_call(struct world *w)
{
    struct step s = {.rules = w->rules, .decision = {.verdict = AIT_SEND, .at_ms = w->now_ms}};
    struct ending ending = {0};

    for (int steps = 0; s.decision.verdict == AIT_SEND || s.decision.verdict == AIT_LOOK_UP;
         steps++) {
        bool begun;
        assert_true(steps < MAX_STEPS);
        w->now_ms = s.decision.at_ms + (once_in(3) ? one_of(1000) : 0);
        if (w->now_ms >= w->rules.deadline_ms || once_in(50))
            return ended_outside(ending, &s, false);
        ending.sendings += s.decision.verdict == AIT_SEND;
        assert_false(w->vetoed && s.decision.verdict == AIT_SEND);
        if (!attempt(w, &s, &begun))
            return ended_outside(ending, &s, begun);
    }
    ending.done = s.decision.verdict == AIT_DONE;
    ending.fate = s.decision.fate;
    ending.by_look_up = s.after_look_up;
    ending.sent_again = s.after.sent_again;
    return ending;
}

static void assert_told_the_truth(const struct world *w, const struct ending *ending)
{
    if (ending->done) {
        assert_true(any_exists(w, w->now_ms));
        return;
    }
    if (ending->fate != AIT_FATE_UNKNOWN)
        assert_int_equal(w->made, 0);
    if (ending->fate == AIT_FATE_NOT_SENT)
        assert_false(w->left);
}

/* -- the proofs -- */

/* How often each of the ways to end came up: a proof that never saw one would prove little. */
struct tally {
    int answered, looked_up, sent_again, not_sent, rejected, unknown, outside, three_sendings;
};

static void count(struct tally *tally, const struct ending *ending)
{
    tally->outside += ending->outside;
    tally->three_sendings += ending->sendings >= 3;
    tally->sent_again += ending->done && ending->sent_again;
    if (ending->done) {
        tally->answered += !ending->by_look_up;
        tally->looked_up += ending->by_look_up;
        return;
    }
    tally->not_sent += ending->fate == AIT_FATE_NOT_SENT;
    tally->rejected += ending->fate == AIT_FATE_REJECTED;
    tally->unknown += ending->fate == AIT_FATE_UNKNOWN;
}

static void no_call_makes_two_invitations_or_tells_an_untruth(void **state)
{
    (void)state;
    enum { CALLS = 200000, ENOUGH = 1000 };
    struct tally tally = {0};

    seed = 1;
    for (int i = 0; i < CALLS; i++) {
        struct world w = new_world();
        struct ending ending = run_call(&w);
        assert_in_range(w.made, 0, 1);
        assert_told_the_truth(&w, &ending);
        count(&tally, &ending);
    }
    print_message("%d calls: %d answered, %d found by look-up, %d after a second sending; failed: "
                  "%d not sent, %d rejected, %d unknown; of these %d ended from outside\n",
                  CALLS, tally.answered, tally.looked_up, tally.sent_again, tally.not_sent,
                  tally.rejected, tally.unknown, tally.outside);
    assert_true(tally.answered > ENOUGH && tally.looked_up > ENOUGH && tally.sent_again > ENOUGH);
    assert_true(tally.not_sent > ENOUGH && tally.rejected > ENOUGH && tally.unknown > ENOUGH);
    assert_true(tally.outside > ENOUGH && tally.three_sendings > ENOUGH);
}

/* A 503 with Retry-After is taken for a refusal before any work. Where that trust is misplaced,
 * the look-up in between still keeps a call from making a second one. */
static void a_503_that_made_it_is_found_before_it_is_sent_again(void **state)
{
    (void)state;
    enum { CALLS = 100000, ENOUGH = 1000 };
    int found = 0;

    seed = 2;
    for (int i = 0; i < CALLS; i++) {
        struct world w = new_world();
        w.works_on_503 = w.rules.can_look_up = true;
        struct ending ending = run_call(&w);
        assert_in_range(w.made, 0, 1);
        found += ending.done && ending.by_look_up && w.made == 1;
    }
    assert_true(found > ENOUGH);
}

/* What the server is said to make is an answer here, which may be given as often as need be. */
static void what_only_reads_is_asked_again_and_never_in_doubt(void **state)
{
    (void)state;
    enum { CALLS = 50000, ENOUGH = 1000 };
    int read_again = 0;

    seed = 3;
    for (int i = 0; i < CALLS; i++) {
        struct world w = new_world();
        w.rules.repeatable = true;
        w.rules.can_look_up = false;
        struct ending ending = run_call(&w);
        read_again += ending.done && w.made > 1;
        if (ending.done)
            assert_true(w.made > 0);
        else
            assert_int_equal(ending.fate, w.left ? AIT_FATE_REJECTED : AIT_FATE_NOT_SENT);
    }
    assert_true(read_again > ENOUGH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_call_makes_two_invitations_or_tells_an_untruth),
        cmocka_unit_test(a_503_that_made_it_is_found_before_it_is_sent_again),
        cmocka_unit_test(what_only_reads_is_asked_again_and_never_in_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
