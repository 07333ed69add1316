#include "pacer.h"

#include <math.h>

#define MINUTE_MS 60000
#define SECOND_MS 1000   /* also the pause where a 429 does not say for how long */
#define LOW_ALLOWANCE 10 /* a tenth of the limit */
#define LOW_FLOOR 2      /* or so many requests, where that is more */
#define PROBES 3         /* what goes alone after a pause */
#define ENOUGH 4         /* good answers, to know a pace by them */
#define FEW 8            /* a pause is few in so many requests, and in so many times its length */
#define MARGIN (1 + 1 / 64.0)
#define QUICKEN 1e11 /* square ms: twice as fast after six minutes without a 429 */

void ait_pacer_init(struct ait_pacer *pacer, int concurrency, double per_minute, double burst,
                    int64_t now_ms)
{
    *pacer = (struct ait_pacer){
        .concurrency = concurrency,
        .per_ms = per_minute / MINUTE_MS,
        .burst = burst,
        .tokens = burst,
        .counted_ms = now_ms,
        .started_ms = now_ms,
        .heard_ms = now_ms,
        .pace = {.since_ms = now_ms, .pauses = 1},
        .left = INT64_MAX,
    };
}

/* What one millisecond brings may stand over the burst: where tokens come faster than the clock
 * ticks, half of them would be lost else. */
static double tokens_at(const struct ait_pacer *pacer, int64_t now_ms)
{
    double tokens = pacer->tokens + (double)(now_ms - pacer->counted_ms) * pacer->per_ms;
    double most = pacer->burst + pacer->per_ms;

    return tokens < most ? tokens : most;
}

static int64_t token_ms(const struct ait_pacer *pacer, int64_t now_ms)
{
    double missing = 1 - tokens_at(pacer, now_ms);

    if (pacer->per_ms <= 0 || missing <= 0)
        return now_ms;
    double wait = missing / pacer->per_ms;
    return wait < (double)(INT64_MAX / 2) ? now_ms + (int64_t)ceil(wait) : INT64_MAX / 2;
}

/* Where several hold, the one that ends last is the one that is told. */
static void hold_until(int64_t *at_ms, enum ait_hold *hold, int64_t until_ms, enum ait_hold why)
{
    if (until_ms > *at_ms) {
        *at_ms = until_ms;
        *hold = why;
    }
}

static int64_t spacing_of(const struct ait_pacer *pacer)
{
    int64_t pace_ms = pacer->pace.ms < MINUTE_MS ? (int64_t)pacer->pace.ms : MINUTE_MS;

    return pace_ms > pacer->spacing_ms ? pace_ms : pacer->spacing_ms;
}

int64_t ait_pacer_next_ms(const struct ait_pacer *pacer, int64_t now_ms, enum ait_hold *hold)
{
    int64_t at_ms = now_ms;

    *hold = AIT_HOLD_NONE;
    if (pacer->in_flight >= (pacer->probes > 0 ? 1 : pacer->concurrency)) {
        *hold = AIT_HOLD_CONCURRENCY;
        return AIT_PACER_FULL;
    }
    hold_until(&at_ms, hold, token_ms(pacer, now_ms), AIT_HOLD_RATE);
    hold_until(&at_ms, hold, pacer->held_until_ms, AIT_HOLD_RATE);
    hold_until(&at_ms, hold, pacer->started_ms + spacing_of(pacer), AIT_HOLD_ALLOWANCE);
    hold_until(&at_ms, hold, pacer->paused_until_ms, AIT_HOLD_PAUSE);
    return at_ms;
}

/* What is left would last until the reset if it were spread evenly over the time until then. It is
 * used twice as fast: a bucket fills meanwhile, and a reset told in seconds is rounded up. With
 * nothing left the reset is waited for. Where there is no such time, the limit is taken to be per
 * minute. A minute at most, since what a reset means is the server's secret. */
static void space(struct ait_pacer *pacer, int64_t now_ms)
{
    int64_t spacing_ms = pacer->steady_ms;

    pacer->spacing_ms = 0;
    if (pacer->left > pacer->low)
        return;
    if (pacer->reset_at_ms > now_ms)
        spacing_ms =
            (pacer->reset_at_ms - pacer->started_ms) / (pacer->left > 0 ? 2 * pacer->left + 1 : 1);
    if (spacing_ms < 1)
        spacing_ms = 1;
    pacer->spacing_ms = spacing_ms < MINUTE_MS ? spacing_ms : MINUTE_MS;
}

/* Time in which nobody wanted anything says nothing of the server's pace; and after a minute of
 * it, what was learned is old. */
static void pass_over_idle(struct ait_pacer *pacer, int64_t now_ms)
{
    int64_t since_ms = pacer->started_ms + spacing_of(pacer);

    if (pacer->heard_ms > since_ms)
        since_ms = pacer->heard_ms;
    if (pacer->paused_until_ms > since_ms)
        since_ms = pacer->paused_until_ms;
    if (pacer->in_flight > 0 || now_ms <= since_ms)
        return;
    pacer->pace.since_ms += now_ms - since_ms;
    if (now_ms - since_ms >= MINUTE_MS)
        pacer->pace.ms = pacer->pace.learned_ms = 0;
}

void ait_pacer_start(struct ait_pacer *pacer, int64_t now_ms)
{
    if (pacer->per_ms > 0) {
        pacer->tokens = tokens_at(pacer, now_ms) - 1;
        pacer->counted_ms = now_ms;
    }
    pass_over_idle(pacer, now_ms);
    pacer->started_ms = now_ms;
    pacer->in_flight++;
    pacer->left--;
    space(pacer, now_ms);
}

void ait_pacer_hold(struct ait_pacer *pacer, int64_t until_ms)
{
    pacer->held_until_ms = until_ms;
}

void ait_pacer_ended(struct ait_pacer *pacer)
{
    pacer->in_flight--;
}

static int64_t low_allowance(int64_t limit)
{
    int64_t low = limit / LOW_ALLOWANCE;

    if (limit <= LOW_FLOOR)
        return 0;
    return low > LOW_FLOOR ? low : LOW_FLOOR;
}

static void read_allowance(struct ait_pacer *pacer, const struct ait_rate_limit *rate,
                           int64_t now_ms)
{
    int64_t limit = rate->limit, reset_ms = rate->reset_ms;
    int others = pacer->in_flight > 1 ? pacer->in_flight - 1 : 0; /* may not be counted yet */

    if (rate->remaining < 0 || (limit <= 0 && reset_ms <= 0))
        return;
    pacer->left = rate->remaining - others;
    pacer->low = low_allowance(limit);
    pacer->steady_ms = limit > 0 && limit < MINUTE_MS ? MINUTE_MS / limit : 1;
    /* A reset within the second is a 0 where it is told in seconds. */
    if (reset_ms == 0 && pacer->steady_ms > SECOND_MS)
        pacer->steady_ms = SECOND_MS;
    pacer->reset_at_ms = now_ms + (reset_ms < INT64_MAX / 2 ? reset_ms : INT64_MAX / 2);
    space(pacer, now_ms);
}

/* A 429 where the server does not tell what is left: what it has let pass since the pause before
 * is what it allows. Few pauses may be due to something else than the pace, and must not make it
 * slower and slower. */
static void learn_pace(struct ait_pacer *pacer, int64_t now_ms)
{
    double since_ms = (double)(pacer->paused_until_ms - pacer->pace.since_ms);
    double pauses_ms = (double)((pacer->paused_until_ms - now_ms) * pacer->pace.pauses);
    bool few = pacer->pace.learned_ms > 0 && pacer->pace.good >= pacer->pace.pauses * FEW &&
               since_ms >= pauses_ms * FEW;

    pacer->pace.pauses++;
    if (pacer->pace.good < ENOUGH)
        return;
    /* At first rather too fast: the next 429 tells, and nothing would tell of too slow a pace. */
    int64_t good = pacer->pace.good + (pacer->pace.learned_ms > 0 ? 0 : 1);
    double pace_ms = since_ms / (double)good * MARGIN;
    if (!few || pace_ms < pacer->pace.learned_ms)
        pacer->pace.learned_ms = pace_ms;
    pacer->pace.ms = pacer->pace.learned_ms;
    pacer->pace.good = 0;
    pacer->pace.pauses = 1;
    pacer->pace.since_ms = pacer->paused_until_ms;
}

/* Faster and faster as long as there is no 429: a minute or more lies between two of them, and a
 * pace that is far too slow is mended within a few. */
static void quicken(struct ait_pacer *pacer, int64_t now_ms)
{
    double part = pacer->pace.ms * (double)(now_ms - pacer->pace.since_ms) / QUICKEN;

    /* A pace is measured from the first answer on: how long that took says nothing of it. */
    if (pacer->pace.good == 0 && pacer->pace.learned_ms <= 0)
        pacer->pace.since_ms = now_ms;
    pacer->pace.good++;
    if (part > 0)
        pacer->pace.ms -= pacer->pace.ms * (part < 0.5 ? part : 0.5);
}

/* What answers during a pause was sent before it. Where many of these got through, the 429 was one
 * request's own, and says nothing of the pace. */
static void get_through(struct ait_pacer *pacer, int64_t now_ms)
{
    if (now_ms >= pacer->paused_until_ms || ++pacer->through != FEW)
        return;
    pacer->pace = pacer->before;
    pacer->pace.since_ms += pacer->paused_until_ms - now_ms;
}

void ait_pacer_heard(struct ait_pacer *pacer, int status, int64_t asked_ms,
                     const struct ait_rate_limit *rate, int64_t now_ms)
{
    read_allowance(pacer, rate, now_ms);
    pacer->heard_ms = now_ms;
    if (status == 429) {
        int64_t until_ms = now_ms + (asked_ms >= 0 ? asked_ms : SECOND_MS);
        bool first = now_ms >= pacer->paused_until_ms;

        if (until_ms > pacer->paused_until_ms)
            pacer->paused_until_ms = until_ms;
        if (first) {
            pacer->before = pacer->pace;
            pacer->through = 0;
        }
        pacer->through--;
        if (first && rate->remaining != 0)
            learn_pace(pacer, now_ms);
        pacer->probes = PROBES;
    } else {
        get_through(pacer, now_ms);
        quicken(pacer, now_ms);
        if (pacer->probes > 0 && now_ms >= pacer->paused_until_ms)
            pacer->probes--;
    }
}
