/* What the policy has to decide, stated without it: for policy_test, policy_walk_test and the
 * fuzz target.
 *
 * First three tables: the class of a report, what follows a sending, what follows a look-up.
 * The columns before the result are conditions, of which ANY holds always; exactly one row fits
 * any case. The texts are for users: `policy_test --table` prints them.
 *
 * Then the rules that hold at every step of every call, whatever the rows say. */
#ifndef AIT_POLICY_TABLE_H
#define AIT_POLICY_TABLE_H

#include "policy.h"

#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define EACH(type, element, array)                                                                 \
    for (const type *element = (array); element < (array) + COUNT(array); element++)

enum when { ANY, NO, YES };

static inline bool fits(enum when column, bool fact)
{
    return column == ANY || (column == YES) == fact;
}

/* -- the class of a report -- */

enum failures { ALL, NONE, SOME, PASSING, LASTING };

static const enum ait_failure passing_failures[] = {
    AIT_FAILURE_RESOLVE, AIT_FAILURE_CONNECT, AIT_FAILURE_CONNECT_TIMEOUT, AIT_FAILURE_PROXY,
    AIT_FAILURE_TLS,     AIT_FAILURE_RESET,   AIT_FAILURE_HTTP2,
};

/* With which the answer to what only reads may be whole the next time. */
static const enum ait_failure cut_short_failures[] = {
    AIT_FAILURE_TIMEOUT,
    AIT_FAILURE_RESET,
    AIT_FAILURE_HTTP2,
    AIT_FAILURE_TRUNCATED,
};

struct class_row {
    enum when begun;
    enum failures failures;
    int from, to;       /* status */
    enum when whole;    /* the header section */
    enum when readable; /* the body */
    enum when asked;    /* Retry-After, or what stands for it */
    enum ait_class class;
    const char *example;
};

/* clang-format off */
static const struct class_row class_rows[] = {
    /* begun failures  status  whole readable asked */
    {NO,  PASSING,   0, 999, ANY, ANY, ANY, AIT_CLASS_NOT_SENT_PASSING,
     "never begun: name not resolved, refused, connect time-out, TLS or proxy failure, reset"},
    {NO,  LASTING,   0, 999, ANY, ANY, ANY, AIT_CLASS_NOT_SENT_LASTING,
     "never begun: certificate refused, bad CA file, bad URL"},
    {YES, ALL,       0, 199, ANY, ANY, ANY, AIT_CLASS_AMBIGUOUS,
     "begun, and then time-out, reset, hang-up, a second sending stopped"},
    {YES, NONE,    200, 299, ANY, YES, ANY, AIT_CLASS_MADE, "2xx with the result"},
    {YES, NONE,    200, 299, ANY, NO,  ANY, AIT_CLASS_MADE_REPLY_LOST,
     "2xx without a result that can be read"},
    {YES, SOME,    200, 299, ANY, ANY, ANY, AIT_CLASS_MADE_REPLY_LOST, "2xx and then cut short"},
    {YES, ALL,     300, 999, NO,  ANY, ANY, AIT_CLASS_AMBIGUOUS, "headers cut short"},
    {YES, ALL,     300, 407, YES, ANY, ANY, AIT_CLASS_REJECTED, "3xx, 4xx"},
    {YES, ALL,     408, 408, YES, ANY, ANY, AIT_CLASS_AMBIGUOUS, "408"},
    {YES, ALL,     409, 420, YES, ANY, ANY, AIT_CLASS_REJECTED, NULL},
    {YES, ALL,     421, 421, YES, ANY, ANY, AIT_CLASS_TURNED_AWAY, "421"},
    {YES, ALL,     422, 424, YES, ANY, ANY, AIT_CLASS_REJECTED, NULL},
    {YES, ALL,     425, 425, YES, ANY, ANY, AIT_CLASS_TURNED_AWAY, "425"},
    {YES, ALL,     426, 428, YES, ANY, ANY, AIT_CLASS_REJECTED, NULL},
    {YES, ALL,     429, 429, YES, ANY, ANY, AIT_CLASS_TURNED_AWAY, "429"},
    {YES, ALL,     430, 499, YES, ANY, ANY, AIT_CLASS_REJECTED, NULL},
    {YES, ALL,     500, 502, YES, ANY, ANY, AIT_CLASS_AMBIGUOUS, "5xx"},
    {YES, ALL,     503, 503, YES, ANY, NO,  AIT_CLASS_AMBIGUOUS, NULL},
    {YES, ALL,     503, 503, YES, ANY, YES, AIT_CLASS_TURNED_AWAY, "503 with `Retry-After`"},
    {YES, ALL,     504, 999, YES, ANY, ANY, AIT_CLASS_AMBIGUOUS, NULL},
};
/* clang-format on */

static inline bool was_cut_short(const struct ait_report *report)
{
    for (size_t i = 0; i < COUNT(cut_short_failures); i++)
        if (report->failure == cut_short_failures[i])
            return true;
    return false;
}

static inline bool is_among(enum failures set, enum ait_failure failure)
{
    bool passing = false;

    for (size_t i = 0; i < COUNT(passing_failures); i++)
        passing |= failure == passing_failures[i];
    switch (set) {
    case NONE:
        return failure == AIT_FAILURE_NONE;
    case SOME:
        return failure != AIT_FAILURE_NONE;
    case PASSING:
        return passing;
    case LASTING:
        return !passing;
    default:
        return true;
    }
}

static inline bool class_row_fits(const struct class_row *row, const struct ait_report *report)
{
    return fits(row->begun, report->begun) && report->status >= row->from &&
           report->status <= row->to && fits(row->whole, report->headers_whole) &&
           fits(row->readable, report->readable) && fits(row->asked, report->retry_after_ms >= 0) &&
           is_among(row->failures, report->failure);
}

/* The report's status must be one of 0 to 999. */
static inline enum ait_class class_of(const struct ait_report *report)
{
    size_t i = 0;

    while (!class_row_fits(&class_rows[i], report))
        i++;
    return class_rows[i].class;
}

/* -- what comes next -- */

/* When an attempt is due, never before the time that the server asks for. */
enum pace { NOW, BACKOFF, SETTLE };

/* What a call that fails, here or since the wait would cross the deadline, says of its
 * invitation. SO_FAR: as earlier sendings and this one left it. */
enum fate { SO_FAR, UNKNOWN, PROVEN_ABSENT };

struct sending_row {
    enum ait_class class;
    enum when again;   /* retries are left, the budget allows one, the server did not veto it */
    enum when special; /* turned away: by a 503; rejected: after some doubt, with a 409 or where
                          there is no look-up; made: the reply was cut short */
    enum when repeatable, can_look_up;
    enum ait_verdict verdict;
    enum pace pace;
    enum fate fate;
    bool retryable; /* where it fails and neither fate nor veto forbid it */
    const char *next;
};

/* clang-format off */
static const struct sending_row sending_rows[] = {
    /*                           again special repeatable can_look_up */
    {AIT_CLASS_MADE,             ANY, ANY, ANY, ANY, AIT_DONE,    NOW,     SO_FAR,  false,
     "return it"},
    {AIT_CLASS_MADE_REPLY_LOST,  ANY, ANY, NO,  YES, AIT_LOOK_UP, NOW,     UNKNOWN, false,
     "look up to fill the result; never send again"},
    {AIT_CLASS_MADE_REPLY_LOST,  ANY, ANY, NO,  NO,  AIT_FAIL,    NOW,     UNKNOWN, false,
     "without look-up fail, `unknown`"},
    {AIT_CLASS_MADE_REPLY_LOST,  YES, YES, YES, ANY, AIT_SEND,    BACKOFF, SO_FAR,  true, NULL},
    {AIT_CLASS_MADE_REPLY_LOST,  NO,  YES, YES, ANY, AIT_FAIL,    NOW,     SO_FAR,  true, NULL},
    {AIT_CLASS_MADE_REPLY_LOST,  ANY, NO,  YES, ANY, AIT_FAIL,    NOW,     SO_FAR,  false, NULL},
    {AIT_CLASS_NOT_SENT_PASSING, YES, ANY, ANY, ANY, AIT_SEND,    BACKOFF, SO_FAR,  true,
     "wait, send again"},
    {AIT_CLASS_NOT_SENT_PASSING, NO,  ANY, ANY, ANY, AIT_FAIL,    NOW,     SO_FAR,  true,
     "out of retries fail"},
    {AIT_CLASS_NOT_SENT_LASTING, ANY, ANY, ANY, ANY, AIT_FAIL,    NOW,     SO_FAR,  false,
     "fail at once"},
    {AIT_CLASS_TURNED_AWAY,      YES, NO,  ANY, ANY, AIT_SEND,    BACKOFF, SO_FAR,  true,
     "wait as told, send again"},
    {AIT_CLASS_TURNED_AWAY,      YES, YES, ANY, YES, AIT_LOOK_UP, BACKOFF, SO_FAR,  true,
     "after a 503, where there is a look-up, look up in between"},
    {AIT_CLASS_TURNED_AWAY,      YES, YES, ANY, NO,  AIT_SEND,    BACKOFF, SO_FAR,  true, NULL},
    {AIT_CLASS_TURNED_AWAY,      NO,  ANY, ANY, ANY, AIT_FAIL,    NOW,     SO_FAR,  true,
     "out of retries fail, `rejected`"},
    {AIT_CLASS_AMBIGUOUS,        ANY, ANY, NO,  YES, AIT_LOOK_UP, NOW,     UNKNOWN, false,
     "look up"},
    {AIT_CLASS_AMBIGUOUS,        ANY, ANY, NO,  NO,  AIT_FAIL,    NOW,     UNKNOWN, false,
     "without look-up fail, `unknown`"},
    {AIT_CLASS_AMBIGUOUS,        YES, ANY, YES, ANY, AIT_SEND,    BACKOFF, SO_FAR,  true, NULL},
    {AIT_CLASS_AMBIGUOUS,        NO,  ANY, YES, ANY, AIT_FAIL,    NOW,     SO_FAR,  true, NULL},
    {AIT_CLASS_REJECTED,         ANY, NO,  ANY, ANY, AIT_FAIL,    NOW,     SO_FAR,  false,
     "fail, `rejected`"},
    {AIT_CLASS_REJECTED,         ANY, YES, ANY, YES, AIT_LOOK_UP, NOW,     UNKNOWN, false,
     "a 409 after doubt: look up, never send again"},
    {AIT_CLASS_REJECTED,         ANY, YES, ANY, NO,  AIT_FAIL,    NOW,     UNKNOWN, false,
     "`unknown` after a 503 where there is no look-up"},
};
/* clang-format on */

struct look_up_row {
    enum ait_finding finding;
    enum when checking, barred; /* as in the history */
    enum when settled;          /* this look-up and the first of the absent ones lie settle apart */
    enum when again;            /* one more sending is left to the call and the budget */
    enum when passing;          /* the look-up failed in a way that may pass, and may be repeated */
    enum ait_verdict verdict;
    enum pace pace;
    enum fate fate;
    bool retryable; /* where it fails and neither fate nor the last sending forbid it */
    const char *finds, *next;
};

/* clang-format off */
static const struct look_up_row look_up_rows[] = {
    /*                checking barred settled again passing */
    {AIT_FINDING_FOUND,   ANY, ANY, ANY, ANY, ANY, AIT_DONE,    NOW,     SO_FAR, false,
     "the invitation", "return it, `reconciled`"},
    {AIT_FINDING_OTHER,   ANY, ANY, ANY, ANY, ANY, AIT_FAIL,    NOW,     SO_FAR, false,
     "one with another role", "fail"},
    {AIT_FINDING_ABSENT,  NO,  ANY, NO,  ANY, ANY, AIT_LOOK_UP, SETTLE,  SO_FAR, false,
     "none, so far", "look up again until `settle` is over"},
    {AIT_FINDING_ABSENT,  NO,  NO,  YES, YES, ANY, AIT_SEND,    NOW,     PROVEN_ABSENT, true,
     "none, all through `settle`", "send again, once per call"},
    {AIT_FINDING_ABSENT,  NO,  NO,  YES, NO,  ANY, AIT_FAIL,    NOW,     PROVEN_ABSENT, true,
     "none, all through `settle`", "that one used up or retries out: fail, `rejected`"},
    {AIT_FINDING_ABSENT,  NO,  YES, YES, ANY, ANY, AIT_FAIL,    NOW,     UNKNOWN, false,
     "none, though made by the server's word", "fail, `unknown`"},
    {AIT_FINDING_ABSENT,  YES, ANY, ANY, YES, ANY, AIT_SEND,    NOW,     SO_FAR, true,
     "none, after a 503", "send again"},
    {AIT_FINDING_ABSENT,  YES, ANY, ANY, NO,  ANY, AIT_FAIL,    NOW,     SO_FAR, true, NULL, NULL},
    {AIT_FINDING_NOTHING, ANY, ANY, ANY, ANY, YES, AIT_LOOK_UP, BACKOFF, SO_FAR, true,
     "nothing that proves anything", "wait, look up again"},
    {AIT_FINDING_NOTHING, ANY, ANY, ANY, ANY, NO,  AIT_FAIL,    NOW,     SO_FAR, true,
     "nothing that proves anything", "for good, or out of retries: fail"},
};
/* clang-format on */

/* -- the rules of every step -- */

struct step {
    struct ait_rules rules;
    bool after_look_up; /* else after a sending, and finding means nothing */
    enum ait_finding finding;
    struct ait_report report;
    bool may_spend;
    int64_t now_ms;
    double random;
    struct ait_history before, after;
    struct ait_decision decision;
};

static inline bool implies(bool condition, bool consequence)
{
    return !condition || consequence;
}

#define RULE(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return #condition;                                                                     \
    } while (0)

/* What the history can look like while an attempt is under way. */
static inline const char *broken_history_rule(const struct ait_rules *rules,
                                              const struct ait_history *h, bool looking_up)
{
    bool retries_left = h->retries < rules->max_retries;

    RULE(h->retries >= 0 && h->retries <= rules->max_retries);
    RULE(h->look_ups >= 0 && h->look_ups <= rules->max_retries);
    RULE(implies(h->sent_again, h->retries > 0 && h->doubted));
    RULE(implies(h->in_doubt || h->doubted, h->reached));
    RULE(implies(h->in_doubt, h->doubted || h->barred));
    RULE(implies(h->barred, h->in_doubt && !h->passing && looking_up));
    RULE(implies(h->checking, looking_up && h->passing && h->doubted && retries_left));
    RULE(implies(h->checking, !h->absent && !h->barred));
    RULE(!(rules->repeatable && (rules->can_look_up || h->doubted || h->in_doubt)));
    RULE(implies(h->in_doubt, looking_up && !h->checking));
    RULE(implies(looking_up, rules->can_look_up && (h->checking || h->in_doubt)));
    RULE(implies(h->absent, h->absent_ms <= h->look_up_ms));
    return NULL;
}

static inline const char *broken_wait_rule(const struct step *s)
{
    int64_t asked_ms = s->report.retry_after_ms;
    int64_t at_ms = s->decision.at_ms;

    RULE(at_ms >= s->now_ms);
    RULE(implies(asked_ms >= 0, at_ms >= s->now_ms + asked_ms));
    RULE(at_ms < s->rules.deadline_ms);
    return NULL;
}

/* Look-ups are counted while they prove nothing, and anew after each sending. */
static inline const char *broken_count_rule(const struct step *s)
{
    bool again = s->decision.verdict == AIT_SEND;
    bool nothing = s->after_look_up && s->finding == AIT_FINDING_NOTHING;

    RULE(s->after.retries == s->before.retries + again);
    RULE(s->after.look_ups == (again ? 0 : s->before.look_ups + nothing));
    return NULL;
}

static inline const char *broken_send_rule(const struct step *s)
{
    const struct ait_history *before = &s->before, *after = &s->after;
    bool absent = s->after_look_up && s->finding == AIT_FINDING_ABSENT;
    bool proven = absent && before->look_up_ms - after->absent_ms >= s->rules.settle_ms;

    RULE(s->may_spend);
    RULE(!before->barred && !after->barred);
    RULE(implies(s->after_look_up, absent && before->passing));
    RULE(implies(!s->after_look_up, s->report.may_retry));
    RULE(!after->in_doubt);
    if (s->rules.repeatable)
        return NULL;
    RULE(implies(before->in_doubt, proven && !before->sent_again && after->sent_again));
    if (s->after_look_up)
        return NULL;
    enum ait_class class = class_of(&s->report);
    RULE(class == AIT_CLASS_NOT_SENT_PASSING || class == AIT_CLASS_TURNED_AWAY);
    return NULL;
}

static inline const char *broken_failure_rule(const struct step *s)
{
    enum ait_fate fate = s->decision.fate;
    bool left = s->before.reached || (!s->after_look_up && s->report.begun);
    bool ambiguous = !s->after_look_up && class_of(&s->report) == AIT_CLASS_AMBIGUOUS;
    bool reads = s->rules.repeatable;

    RULE(implies(s->decision.retryable, fate != AIT_FATE_UNKNOWN));
    RULE(implies(s->after.in_doubt || (ambiguous && !reads), fate == AIT_FATE_UNKNOWN));
    RULE(implies(reads, fate != AIT_FATE_UNKNOWN));
    RULE((fate == AIT_FATE_NOT_SENT) == !left);
    RULE(implies(!s->report.may_retry && !s->after_look_up, !s->decision.retryable));
    return NULL;
}

static inline const char *broken_end_rule(const struct step *s)
{
    bool made =
        s->after_look_up ? s->finding == AIT_FINDING_FOUND : class_of(&s->report) == AIT_CLASS_MADE;

    RULE((s->decision.verdict == AIT_DONE) == made);
    RULE(implies(s->before.reached, s->after.reached));
    RULE(implies(s->before.doubted, s->after.doubted));
    RULE(implies(s->before.barred, s->after.barred));
    RULE(implies(s->before.sent_again, s->after.sent_again));
    RULE((ait_policy_fate(&s->rules, &s->after, true) == AIT_FATE_UNKNOWN) == !s->rules.repeatable);
    return s->decision.verdict == AIT_FAIL ? broken_failure_rule(s) : NULL;
}

static inline const char *broken_rule(const struct step *s)
{
    enum ait_verdict verdict = s->decision.verdict;
    bool goes_on = verdict == AIT_SEND || verdict == AIT_LOOK_UP;
    const char *broken = broken_end_rule(s);

    if (broken == NULL && goes_on)
        broken = broken_wait_rule(s);
    if (broken == NULL && goes_on)
        broken = broken_count_rule(s);
    if (broken == NULL && verdict == AIT_SEND)
        broken = broken_send_rule(s);
    if (broken == NULL && goes_on)
        broken = broken_history_rule(&s->rules, &s->after, verdict == AIT_LOOK_UP);
    return broken;
}

/* Asks the policy. Returns the rule that its answer breaks, or NULL. */
static inline const char *take_step(struct step *s)
{
    s->after = s->before;
    if (s->after_look_up)
        s->decision = ait_policy_after_look_up(&s->rules, &s->after, s->finding, &s->report,
                                               s->may_spend, s->now_ms, s->random);
    else
        s->decision = ait_policy_after_sending(&s->rules, &s->after, &s->report, s->may_spend,
                                               s->now_ms, s->random);
    return broken_rule(s);
}

#endif
