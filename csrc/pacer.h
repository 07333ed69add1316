/* When the next request of a client may leave: its concurrency, its own rate, and what the server
 * said of its limits. Pure: time is an argument, and nothing waits here.
 *
 * Words. The client's own rate is a token bucket: `burst` requests at once after a pause, then one
 * each time a token is due. The server's allowance is what its rate-limit headers say is left,
 * less what has left since; while little is, requests are spread over the time until its reset. A
 * pause is what a 429 asks for; it holds for all requests of the client, and ends with probes: a
 * few requests, one at a time. The pace is for a server that says 429 without telling what is left:
 * what it has let pass from pause to pause, tried a little faster as time goes by. A 429 among many
 * answers that are none is not about the pace.
 *
 * Owner: the client. No thread of its own, no Lua, no libcurl. */
#ifndef AIT_PACER_H
#define AIT_PACER_H

#include "headers.h"

#include <stdbool.h>
#include <stdint.h>

#define AIT_PACER_FULL INT64_MAX

enum ait_hold {
    AIT_HOLD_NONE,
    AIT_HOLD_CONCURRENCY, /* until a request in flight ends */
    AIT_HOLD_RATE,        /* the client's own rate */
    AIT_HOLD_ALLOWANCE,   /* the server's allowance is low */
    AIT_HOLD_PAUSE,       /* the server asked for it */
};

struct ait_pace {
    double ms;         /* between two requests as 429s have taught; 0: not yet */
    double learned_ms; /* the same, when it was learned */
    int64_t good;      /* answers other than 429 */
    int64_t pauses;    /* in the time of these, the one before them included */
    int64_t since_ms;  /* since then, without the time in which nobody wanted anything */
};

struct ait_pacer {
    int concurrency;
    int in_flight;
    double per_ms; /* the client's own rate; 0: none */
    double burst;  /* the most tokens there can be */
    double tokens; /* at counted_ms */
    int64_t counted_ms;
    int64_t left;        /* of the server's allowance, less what has left since it was told */
    int64_t low;         /* up to so many are little */
    int64_t reset_at_ms; /* when the allowance is whole again */
    int64_t steady_ms;   /* between two requests by the limit alone */
    int64_t spacing_ms;  /* between two requests while the allowance is low; 0: it is not */
    struct ait_pace pace;
    struct ait_pace before; /* the last pause */
    int through;            /* how many more were answered than refused since it began */
    int64_t started_ms;     /* when the last one left */
    int64_t heard_ms;       /* when the last answer came */
    int64_t paused_until_ms;
    int64_t held_until_ms; /* by a rate that others have a part in */
    int probes;            /* how many more go alone */
};

/* per_minute 0: no rate of its own. */
void ait_pacer_init(struct ait_pacer *pacer, int concurrency, double per_minute, double burst,
                    int64_t now_ms);

/* When the next request may leave: now_ms, or later, or AIT_PACER_FULL while that hangs on one in
 * flight. *hold: what it waits for. */
int64_t ait_pacer_next_ms(const struct ait_pacer *pacer, int64_t now_ms, enum ait_hold *hold);

/* A request leaves; ended: one has come back, with or without an answer. */
void ait_pacer_start(struct ait_pacer *pacer, int64_t now_ms);
void ait_pacer_ended(struct ait_pacer *pacer);

/* A rate that others have a part in has nothing left until then. */
void ait_pacer_hold(struct ait_pacer *pacer, int64_t until_ms);

/* The server answered. asked_ms: for how long it wants no request, where it answered 429. */
void ait_pacer_heard(struct ait_pacer *pacer, int status, int64_t asked_ms,
                     const struct ait_rate_limit *rate, int64_t now_ms);

#endif
