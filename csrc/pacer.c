#include "pacer.h"

#include <math.h>

#define MINUTE_MS 60000
#define LOW_ALLOWANCE 10     /* a tenth of the limit */
#define PAUSE_UNSAID_MS 1000 /* where a 429 does not say for how long */

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

int64_t ait_pacer_next_ms(const struct ait_pacer *pacer, int64_t now_ms, enum ait_hold *hold)
{
    int64_t at_ms = now_ms;

    *hold = AIT_HOLD_NONE;
    if (pacer->in_flight >= (pacer->probing ? 1 : pacer->concurrency)) {
        *hold = AIT_HOLD_CONCURRENCY;
        return AIT_PACER_FULL;
    }
    hold_until(&at_ms, hold, token_ms(pacer, now_ms), AIT_HOLD_RATE);
    hold_until(&at_ms, hold, pacer->held_until_ms, AIT_HOLD_RATE);
    hold_until(&at_ms, hold, pacer->started_ms + pacer->spacing_ms, AIT_HOLD_ALLOWANCE);
    hold_until(&at_ms, hold, pacer->paused_until_ms, AIT_HOLD_PAUSE);
    return at_ms;
}

void ait_pacer_start(struct ait_pacer *pacer, int64_t now_ms)
{
    if (pacer->per_ms > 0) {
        pacer->tokens = tokens_at(pacer, now_ms) - 1;
        pacer->counted_ms = now_ms;
    }
    pacer->started_ms = now_ms;
    pacer->in_flight++;
}

void ait_pacer_hold(struct ait_pacer *pacer, int64_t until_ms)
{
    pacer->held_until_ms = until_ms;
}

void ait_pacer_ended(struct ait_pacer *pacer)
{
    pacer->in_flight--;
}

/* What is left lasts until the reset if it is spread over the time until then: in a window that
 * starts anew, and in a bucket that is full by then. No faster than a limit, which is per minute,
 * allows for good; and a minute at most, since what a reset means is the server's secret. */
static int64_t spacing_ms(const struct ait_rate_limit *rate, int64_t left)
{
    int64_t steady_ms = rate->limit > 0 && rate->limit < MINUTE_MS ? MINUTE_MS / rate->limit : 1;
    int64_t spread_ms = rate->reset_ms > 0 ? rate->reset_ms / (left > 0 ? left + 1 : 1) : 0;
    int64_t spacing = spread_ms > steady_ms ? spread_ms : steady_ms;

    return spacing < MINUTE_MS ? spacing : MINUTE_MS;
}

static void read_allowance(struct ait_pacer *pacer, const struct ait_rate_limit *rate)
{
    int64_t low = rate->limit > 0 ? rate->limit / LOW_ALLOWANCE : 0;
    int64_t left = rate->remaining - pacer->in_flight; /* which may not be counted yet */

    if (rate->remaining >= 0 && (rate->limit > 0 || rate->reset_ms > 0))
        pacer->spacing_ms = left <= low ? spacing_ms(rate, left) : 0;
}

void ait_pacer_heard(struct ait_pacer *pacer, int status, int64_t asked_ms,
                     const struct ait_rate_limit *rate, int64_t now_ms)
{
    read_allowance(pacer, rate);
    if (status == 429) {
        int64_t until_ms = now_ms + (asked_ms >= 0 ? asked_ms : PAUSE_UNSAID_MS);

        if (until_ms > pacer->paused_until_ms)
            pacer->paused_until_ms = until_ms;
        pacer->probing = true;
    } else if (now_ms >= pacer->paused_until_ms) {
        pacer->probing = false; /* what answers during a pause was sent before it */
    }
}
