#include "policy.h"

#define BACKOFF_BASE_MS 500
#define BACKOFF_BASE_429_MS 1000
#define BACKOFF_CAP_MS 8000
#define SERVER_WAIT_JITTER 0.1
#define LOOK_UPS_PER_SETTLE 2

static enum ait_class classify_status(const struct ait_report *report)
{
    int status = report->status;

    /* A 2xx is believed by its status line alone: if in doubt, never send again. Any other
     * verdict counts only with its whole header section. */
    if (status >= 200 && status < 300)
        return report->failure == AIT_FAILURE_NONE && report->readable ? AIT_CLASS_MADE
                                                                       : AIT_CLASS_MADE_REPLY_LOST;
    if (!report->headers_whole || status == 408)
        return AIT_CLASS_AMBIGUOUS;
    if (status == 421 || status == 425 || status == 429)
        return AIT_CLASS_TURNED_AWAY;
    if (status == 503 && report->retry_after_ms >= 0)
        return AIT_CLASS_TURNED_AWAY;
    return status >= 500 ? AIT_CLASS_AMBIGUOUS : AIT_CLASS_REJECTED;
}

static enum ait_class classify_unsent(enum ait_failure failure)
{
    switch (failure) {
    case AIT_FAILURE_RESOLVE:
    case AIT_FAILURE_CONNECT:
    case AIT_FAILURE_CONNECT_TIMEOUT:
    case AIT_FAILURE_PROXY:
    case AIT_FAILURE_TLS:
    case AIT_FAILURE_RESET:
    case AIT_FAILURE_HTTP2:
        return AIT_CLASS_NOT_SENT_PASSING;
    default:
        return AIT_CLASS_NOT_SENT_LASTING;
    }
}

enum ait_class ait_policy_classify(const struct ait_report *report)
{
    if (!report->begun)
        return classify_unsent(report->failure);
    if (report->status >= 200)
        return classify_status(report);
    return AIT_CLASS_AMBIGUOUS;
}

static enum ait_fate fate_so_far(const struct ait_history *history)
{
    if (history->in_doubt)
        return AIT_FATE_UNKNOWN;
    return history->reached ? AIT_FATE_REJECTED : AIT_FATE_NOT_SENT;
}

enum ait_fate ait_policy_fate(const struct ait_rules *rules, const struct ait_history *history,
                              bool begun)
{
    if (!begun)
        return fate_so_far(history);
    return rules->repeatable ? AIT_FATE_REJECTED : AIT_FATE_UNKNOWN;
}

static struct ait_decision fail(const struct ait_history *history)
{
    enum ait_fate fate = fate_so_far(history);

    return (struct ait_decision){
        .verdict = AIT_FAIL,
        .fate = fate,
        .retryable = history->passing && fate != AIT_FATE_UNKNOWN,
    };
}

/* A wait that would cross the deadline is not begun: the caller gets its time back. */
static struct ait_decision at(enum ait_verdict verdict, int64_t at_ms,
                              const struct ait_rules *rules, struct ait_history *history)
{
    if (at_ms < history->not_before_ms)
        at_ms = history->not_before_ms;
    if (at_ms >= rules->deadline_ms)
        return fail(history);
    if (verdict == AIT_LOOK_UP)
        history->look_up_ms = at_ms;
    return (struct ait_decision){.verdict = verdict, .at_ms = at_ms};
}

/* What the server asks for is a lower bound for whatever comes next, with a little jitter on
 * top, since others were told the same. */
static void heed(struct ait_history *history, const struct ait_report *report, int64_t now_ms,
                 double random)
{
    int64_t asked_ms = report->retry_after_ms;

    if (asked_ms >= 0)
        history->not_before_ms =
            now_ms + asked_ms + (int64_t)(random * SERVER_WAIT_JITTER * (double)asked_ms);
}

/* Full jitter, so that clients that failed together do not come back together. */
static int64_t backoff_ms(int64_t base_ms, int round, double random)
{
    int64_t ceiling_ms = base_ms;

    for (int i = 0; i < round && ceiling_ms < BACKOFF_CAP_MS; i++)
        ceiling_ms *= 2;
    if (ceiling_ms > BACKOFF_CAP_MS)
        ceiling_ms = BACKOFF_CAP_MS;
    return (int64_t)(random * (double)ceiling_ms);
}

static bool retries_left(const struct ait_rules *rules, const struct ait_history *history,
                         const struct ait_report *report, bool may_spend)
{
    return history->retries < rules->max_retries && report->may_retry && may_spend;
}

static struct ait_decision send_again(const struct ait_rules *rules, struct ait_history *history,
                                      int64_t at_ms)
{
    struct ait_decision decision = at(AIT_SEND, at_ms, rules, history);

    if (decision.verdict == AIT_SEND) {
        history->retries++;
        history->look_ups = 0;
        history->checking = false;
    }
    return decision;
}

static struct ait_decision retry(const struct ait_rules *rules, struct ait_history *history,
                                 const struct ait_report *report, bool may_spend, int64_t now_ms,
                                 double random)
{
    int64_t base_ms = report->status == 429 ? BACKOFF_BASE_429_MS : BACKOFF_BASE_MS;

    if (!retries_left(rules, history, report, may_spend))
        return fail(history);
    return send_again(rules, history, now_ms + backoff_ms(base_ms, history->retries, random));
}

static struct ait_decision look_up(const struct ait_rules *rules, struct ait_history *history,
                                   int64_t at_ms)
{
    if (!rules->can_look_up)
        return fail(history);
    history->absent = false;
    return at(AIT_LOOK_UP, at_ms, rules, history);
}

static struct ait_decision after_turned_away(const struct ait_rules *rules,
                                             struct ait_history *history,
                                             const struct ait_report *report, bool may_spend,
                                             int64_t now_ms, double random)
{
    history->doubted |= report->status == 503;
    if (report->status == 503 && rules->can_look_up &&
        retries_left(rules, history, report, may_spend)) {
        int64_t wait_ms = backoff_ms(BACKOFF_BASE_MS, history->retries, random);

        history->checking = true;
        return look_up(rules, history, now_ms + wait_ms);
    }
    return retry(rules, history, report, may_spend, now_ms, random);
}

static struct ait_decision after_ambiguous(const struct ait_rules *rules,
                                           struct ait_history *history, int64_t now_ms)
{
    history->in_doubt = history->doubted = true;
    return look_up(rules, history, now_ms);
}

/* The server says that it exists: look up what it is, and never send again. */
static struct ait_decision after_made(const struct ait_rules *rules, struct ait_history *history,
                                      int64_t now_ms)
{
    history->in_doubt = history->barred = true;
    return look_up(rules, history, now_ms);
}

static bool may_pass(enum ait_class class)
{
    return class == AIT_CLASS_NOT_SENT_PASSING || class == AIT_CLASS_TURNED_AWAY ||
           class == AIT_CLASS_AMBIGUOUS;
}

static bool was_cut_short(enum ait_failure failure)
{
    return failure == AIT_FAILURE_TIMEOUT || failure == AIT_FAILURE_RESET ||
           failure == AIT_FAILURE_HTTP2 || failure == AIT_FAILURE_TRUNCATED;
}

/* Whether what only reads may get its answer the next time. */
static bool may_read_again(const struct ait_report *report, enum ait_class class)
{
    bool cut_short = class == AIT_CLASS_MADE_REPLY_LOST && was_cut_short(report->failure);

    return report->may_retry && (may_pass(class) || cut_short);
}

static struct ait_decision after_reading(const struct ait_rules *rules, struct ait_history *history,
                                         const struct ait_report *report, enum ait_class class,
                                         bool may_spend, int64_t now_ms, double random)
{
    history->passing = may_read_again(report, class);
    return history->passing ? retry(rules, history, report, may_spend, now_ms, random)
                            : fail(history);
}

struct ait_decision ait_policy_after_sending(const struct ait_rules *rules,
                                             struct ait_history *history,
                                             const struct ait_report *report, bool may_spend,
                                             int64_t now_ms, double random)
{
    enum ait_class class = ait_policy_classify(report);

    history->reached |= report->begun;
    heed(history, report, now_ms, random);
    if (rules->repeatable && class != AIT_CLASS_MADE)
        return after_reading(rules, history, report, class, may_spend, now_ms, random);
    history->passing = report->may_retry && may_pass(class);
    switch (class) {
    case AIT_CLASS_MADE:
        return (struct ait_decision){.verdict = AIT_DONE};
    case AIT_CLASS_MADE_REPLY_LOST:
        return after_made(rules, history, now_ms);
    case AIT_CLASS_NOT_SENT_PASSING:
        return retry(rules, history, report, may_spend, now_ms, random);
    case AIT_CLASS_TURNED_AWAY:
        return after_turned_away(rules, history, report, may_spend, now_ms, random);
    case AIT_CLASS_AMBIGUOUS:
        return after_ambiguous(rules, history, now_ms);
    case AIT_CLASS_REJECTED:
        /* What a later sending conflicts with may be an earlier one, made after all; and what
         * nobody can look up may be refused for that with any status. */
        if (history->doubted && (report->status == 409 || !rules->can_look_up))
            return after_made(rules, history, now_ms);
        return fail(history);
    default:
        return fail(history);
    }
}

/* The look-ups have said for long enough that there is none. */
static struct ait_decision after_absence(const struct ait_rules *rules, struct ait_history *history,
                                         bool may_spend, int64_t now_ms)
{
    if (history->barred)
        return fail(history);
    history->in_doubt = false;
    if (!history->passing || history->sent_again || history->retries >= rules->max_retries ||
        !may_spend)
        return fail(history);
    struct ait_decision decision = send_again(rules, history, now_ms);
    history->sent_again = decision.verdict == AIT_SEND;
    return decision;
}

static struct ait_decision after_absent(const struct ait_rules *rules, struct ait_history *history,
                                        bool may_spend, int64_t now_ms)
{
    if (history->checking)
        return may_spend ? send_again(rules, history, now_ms) : fail(history);
    if (!history->absent) {
        history->absent = true;
        history->absent_ms = history->look_up_ms;
    }
    /* What counts is when look-ups began: the answer of a slow one tells of long ago. */
    int64_t settled_ms = history->absent_ms + rules->settle_ms;
    if (history->look_up_ms >= settled_ms)
        return after_absence(rules, history, may_spend, now_ms);
    int64_t next_ms = now_ms + rules->settle_ms / LOOK_UPS_PER_SETTLE;
    if (next_ms > settled_ms)
        next_ms = settled_ms > now_ms ? settled_ms : now_ms;
    return at(AIT_LOOK_UP, next_ms, rules, history);
}

struct ait_decision ait_policy_after_look_up(const struct ait_rules *rules,
                                             struct ait_history *history, enum ait_finding finding,
                                             const struct ait_report *report, bool may_spend,
                                             int64_t now_ms, double random)
{
    heed(history, report, now_ms, random);
    switch (finding) {
    case AIT_FINDING_FOUND:
        return (struct ait_decision){.verdict = AIT_DONE};
    case AIT_FINDING_OTHER:
        history->passing = false;
        return fail(history);
    case AIT_FINDING_ABSENT:
        return after_absent(rules, history, may_spend, now_ms);
    default:
        if (!may_read_again(report, ait_policy_classify(report)) ||
            history->look_ups >= rules->max_retries)
            return fail(history);
        return at(AIT_LOOK_UP, now_ms + backoff_ms(BACKOFF_BASE_MS, history->look_ups++, random),
                  rules, history);
    }
}
