/* What to do after each attempt of a call, so that an invitation is never lost and never made
 * twice. Pure: time and chance are arguments; it sends nothing and waits for nothing.
 *
 * Words. A "sending" is an attempt of the request itself, a "look-up" the GET that tells whether
 * the invitation exists. A sending is "in doubt" while it may have made the invitation without
 * our knowing; one that only reads never is. Doubt ends when a look-up finds the invitation, or
 * when look-ups have gone on finding nothing for settle_ms; only then may one further sending
 * follow it.
 *
 * Owner of all structs: the job. No thread of its own, no Lua, no libcurl. */
#ifndef AIT_POLICY_H
#define AIT_POLICY_H

#include "outcome.h"

#include <stdbool.h>
#include <stdint.h>

enum ait_class {
    AIT_CLASS_MADE,             /* a 2xx with the answer it should have */
    AIT_CLASS_MADE_REPLY_LOST,  /* a 2xx, but its answer cannot be read */
    AIT_CLASS_NOT_SENT_PASSING, /* nothing left; may work the next time */
    AIT_CLASS_NOT_SENT_LASTING, /* nothing left; will not work the next time either */
    AIT_CLASS_TURNED_AWAY,      /* refused before any work: 421, 425, 429, 503 with Retry-After */
    AIT_CLASS_AMBIGUOUS,        /* may have been made */
    AIT_CLASS_REJECTED,         /* the server said no */
};

/* What the policy needs to know of an attempt that ended. */
struct ait_report {
    enum ait_failure failure;
    bool begun;
    int status;             /* 0: none */
    bool headers_whole;     /* the header section that the status belongs to arrived whole */
    bool readable;          /* the body is what the operation answers with */
    bool may_retry;         /* the server did not say x-should-retry: false */
    int64_t retry_after_ms; /* the server's own lower bound for a wait; -1: none */
};

enum ait_finding {
    AIT_FINDING_FOUND,
    AIT_FINDING_OTHER,   /* there is one for the address, but not the one that was asked for */
    AIT_FINDING_ABSENT,  /* the API itself says that there is none */
    AIT_FINDING_NOTHING, /* the answer proves nothing */
};

/* The constants of a call. */
struct ait_rules {
    int max_retries;
    bool can_look_up; /* the operation has a look-up, and the client wants it */
    bool repeatable;  /* it only reads: sent as often as need be, never in doubt, no look-up */
    int64_t settle_ms;
    int64_t deadline_ms; /* monotonic */
};

/* What happened so far; all zero at first. Only the policy writes it. */
struct ait_history {
    int retries;           /* sendings decided after the first */
    int look_ups;          /* that proved nothing since the last sending: for their backoff */
    bool reached;          /* a sending has left */
    bool passing;          /* the last sending failed in a way that may pass, and no veto came */
    bool in_doubt;         /* some sending may have made it */
    bool doubted;          /* some sending was in doubt, or turned away with a 503 */
    bool barred;           /* the server said that it exists: nothing may be sent again */
    bool checking;         /* looking up only to be sure before a 503 is tried again */
    bool sent_again;       /* the one sending that may follow proven absence is used up */
    bool absent;           /* look-ups find nothing … */
    int64_t absent_ms;     /* … since one that was begun then, or later; monotonic */
    int64_t look_up_ms;    /* the last look-up was begun then, or later; monotonic */
    int64_t not_before_ms; /* the server asked that nothing comes before; monotonic */
};

enum ait_verdict { AIT_SEND, AIT_LOOK_UP, AIT_DONE, AIT_FAIL };

/* What became of the invitation, for a call that failed. */
enum ait_fate { AIT_FATE_NOT_SENT, AIT_FATE_REJECTED, AIT_FATE_UNKNOWN };

struct ait_decision {
    enum ait_verdict verdict;
    int64_t at_ms;      /* AIT_SEND, AIT_LOOK_UP: not before; monotonic */
    enum ait_fate fate; /* AIT_FAIL */
    bool retryable;     /* AIT_FAIL: the same call later may succeed and does no harm */
};

enum ait_class ait_policy_classify(const struct ait_report *report);

/* After a sending. may_spend: the client's retry budget allows one more; random: in [0, 1). */
struct ait_decision ait_policy_after_sending(const struct ait_rules *rules,
                                             struct ait_history *history,
                                             const struct ait_report *report, bool may_spend,
                                             int64_t now_ms, double random);

/* After a look-up that found what `finding` says; report is the look-up's own. */
struct ait_decision ait_policy_after_look_up(const struct ait_rules *rules,
                                             struct ait_history *history, enum ait_finding finding,
                                             const struct ait_report *report, bool may_spend,
                                             int64_t now_ms, double random);

/* What is to be said of a call that is ended from outside (cancelled, closed). begun: an
 * attempt of the request itself is under way and may have left. */
enum ait_fate ait_policy_fate(const struct ait_rules *rules, const struct ait_history *history,
                              bool begun);

#endif
