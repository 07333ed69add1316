/* What the pump's thread does. Functions marked as locked are called with the lock held. */
#include "pump_thread.h"

#include "bell.h"
#include "clock.h"

#include <stdlib.h>

#define LONGEST_WAIT_MS 3600000

/* False where memory ran out. */
bool ait_ids_add(struct ait_ids *ids, uint64_t id)
{
    if (ids->count == ids->capacity) {
        size_t capacity = ids->capacity == 0 ? 16 : ids->capacity * 2;
        uint64_t *list = realloc(ids->list, capacity * sizeof *list);

        if (list == NULL)
            return false;
        ids->list = list;
        ids->capacity = capacity;
    }
    ids->list[ids->count++] = id;
    return true;
}

void ait_pump_wake(struct ait_pump *pump)
{
    if (!pump->asleep)
        return;
    pump->asleep = false;
    ait_waiters_wake(&pump->waiters);
}

void ait_pump_retire(struct ait_pump *pump, struct ait_attempt *attempt)
{
    ait_attempt_forget(attempt);
    ait_attempts_append(&pump->idle, attempt);
}

void ait_pump_ring_host(struct ait_pump *pump)
{
    if (!pump->watched || pump->rung || pump->bell < 0)
        return;
    pump->rung = true;
    ait_bell_ring(pump->bell);
}

/* Somebody must make a step: best the one that waits for this job. */
static void call_for_step(struct ait_pump *pump, uint64_t id)
{
    bool told = ait_waiters_ring(&pump->waiters, id) || ait_waiters_ring_any(&pump->waiters);

    pthread_mutex_lock(&pump->lock);
    pump->due = pump->due || !told;
    ait_pump_ring_host(pump);
    pthread_mutex_unlock(&pump->lock);
}

/* Locked, but not while libcurl works. */
static void begin_queued(struct ait_pump *pump)
{
    struct ait_attempt **link = pump->open.end;

    ait_attempts_splice(&pump->open, &pump->queued);
    pthread_mutex_unlock(&pump->lock);
    for (struct ait_attempt *attempt = *link; attempt != NULL; attempt = attempt->next)
        attempt->added = ait_engine_add(pump->engine, attempt->id, &attempt->request,
                                        attempt->timeout_ms, &attempt->claim);
    pthread_mutex_lock(&pump->lock);

    while (*link != NULL) {
        if ((*link)->added) {
            link = &(*link)->next;
        } else {
            (*link)->outcome.failure = AIT_FAILURE_OUT_OF_MEMORY;
            ait_attempts_append(&pump->finished, ait_attempts_take(&pump->open, link));
        }
    }
}

/* Locked, but not while libcurl works. */
static void end_cancelled(struct ait_pump *pump)
{
    struct ait_attempt **link = &pump->open.first;

    pump->cancels = false;
    while (*link != NULL) {
        struct ait_attempt *attempt = *link;
        bool begun;

        if (!attempt->cancelled) {
            link = &attempt->next;
            continue;
        }
        pthread_mutex_unlock(&pump->lock);
        ait_engine_cancel(pump->engine, attempt->id, &begun);
        pthread_mutex_lock(&pump->lock);
        ait_pump_retire(pump, ait_attempts_take(&pump->open, link));
    }
}

/* Waits for libcurl, for what the waiters tell, or for the alarm. */
static void wait_for_work(struct ait_pump *pump, int64_t wake_ms)
{
    int64_t left_ms = LONGEST_WAIT_MS;

    if (wake_ms < AIT_PUMP_NEVER && wake_ms - ait_clock_now_ms() < left_ms)
        left_ms = wake_ms - ait_clock_now_ms();
    if (pump->open.first != NULL)
        ait_engine_step(pump->engine, left_ms, pump->waiters.watch);
    else if (left_ms > 0)
        ait_bell_wait(pump->waiters.watch, (int)left_ms);
}

/* A caller has parked; what it waits for may have come before, and may even have been taken in by
 * another caller's step since the message was sent. */
static void answer_parked(struct ait_pump *pump, const struct ait_message *message)
{
    uint64_t id = message->id;
    bool due;

    pthread_mutex_lock(&pump->lock);
    due = pump->due || message->epoch != pump->epoch ||
          (id == AIT_WAITER_ANY ? pump->finished.first != NULL
                                : *ait_attempts_find(&pump->finished, id) != NULL);
    pthread_mutex_unlock(&pump->lock);
    if (due)
        ait_waiters_ring(&pump->waiters, id);
}

/* The caller of this job is gone. Its attempt, if it has one, ends here and now; the job ends with
 * the next step. */
static void give_up(struct ait_pump *pump, uint64_t id)
{
    struct ait_attempt **link;
    bool begun;

    if (id == AIT_WAITER_ANY)
        return;
    pthread_mutex_lock(&pump->lock);
    link = ait_attempts_find(&pump->queued, id);
    if (*link != NULL)
        ait_attempts_append(&pump->open, ait_attempts_take(&pump->queued, link));
    link = ait_attempts_find(&pump->open, id);
    if (*link != NULL) {
        (void)ait_claim_withdraw(&(*link)->claim);
        (*link)->dropped = true;
    }
    (void)ait_ids_add(&pump->gone, id); /* without memory for it, the job goes on to its own end */
    pthread_mutex_unlock(&pump->lock);

    ait_engine_cancel(pump->engine, id, &begun);
    call_for_step(pump, id);
}

static void hear_waiters(struct ait_pump *pump)
{
    enum ait_waiters_event event;
    struct ait_message message;

    while ((event = ait_waiters_next(&pump->waiters, &message)) != AIT_WAITERS_NOTHING) {
        if (event == AIT_WAITERS_PARKED)
            answer_parked(pump, &message);
        else if (event == AIT_WAITERS_GONE)
            give_up(pump, message.id);
    }
}

/* Tells the caller of this job, or one that looks after all. Returns whether it was its own. */
static bool tell_caller(struct ait_pump *pump, uint64_t id)
{
    if (ait_waiters_ring(&pump->waiters, id))
        return true;
    (void)ait_waiters_ring(&pump->waiters, AIT_WAITER_ANY);
    return false;
}

/* Tells the callers of what has finished. Locked, since the Lua thread releases attempts. */
static void tell_callers(struct ait_pump *pump)
{
    for (struct ait_attempt *attempt = pump->finished.first; attempt != NULL;
         attempt = attempt->next) {
        if (attempt->told)
            continue;
        attempt->told = true;
        attempt->heard = tell_caller(pump, attempt->id);
    }
}

/* Hands over what the engine has finished. */
static void collect(struct ait_pump *pump)
{
    uint64_t id;

    pthread_mutex_lock(&pump->lock);
    while (ait_engine_finished(pump->engine, &id) != NULL) {
        struct ait_attempt *attempt =
            ait_attempts_take(&pump->open, ait_attempts_find(&pump->open, id));

        ait_engine_take(pump->engine, &attempt->outcome);
        if (attempt->cancelled)
            ait_pump_retire(pump, attempt);
        else
            ait_attempts_append(&pump->finished, attempt);
    }
    if (pump->finished.first != NULL)
        ait_pump_ring_host(pump);
    tell_callers(pump);
    pthread_mutex_unlock(&pump->lock);
}

/* Tells those that the Lua thread wants told. */
static void ring_callers(struct ait_pump *pump)
{
    struct ait_ids rings;
    bool all;

    pthread_mutex_lock(&pump->lock);
    rings = pump->rings;
    all = pump->ring_all;
    pump->rings = (struct ait_ids){NULL, 0, 0};
    pump->ring_all = false;
    pthread_mutex_unlock(&pump->lock);

    for (size_t i = 0; i < rings.count; i++)
        (void)tell_caller(pump, rings.list[i]);
    free(rings.list);
    while (all && ait_waiters_ring_any(&pump->waiters))
        ;
}

static void sound_alarm(struct ait_pump *pump)
{
    int64_t now_ms = ait_clock_now_ms();
    uint64_t id;
    bool sounds;

    pthread_mutex_lock(&pump->lock);
    sounds = pump->alarm_ms <= now_ms;
    id = pump->alarm_id;
    if (sounds)
        pump->alarm_ms = AIT_PUMP_NEVER;
    pthread_mutex_unlock(&pump->lock);
    if (sounds)
        call_for_step(pump, id);
}

static void run(void *context)
{
    struct ait_pump *pump = context;
    int64_t wake_ms;

    pthread_mutex_lock(&pump->lock);
    while (!pump->closed && !pump->stopped) {
        while (pump->queued.first != NULL || pump->cancels) {
            begin_queued(pump);
            end_cancelled(pump);
        }
        pump->asleep = true;
        pump->wake_ms = wake_ms = pump->alarm_ms;
        pthread_mutex_unlock(&pump->lock);
        wait_for_work(pump, wake_ms);
        pthread_mutex_lock(&pump->lock);
        pump->asleep = false;
        pthread_mutex_unlock(&pump->lock);
        hear_waiters(pump);
        collect(pump);
        ring_callers(pump);
        sound_alarm(pump);
        pthread_mutex_lock(&pump->lock);
    }
    pthread_mutex_unlock(&pump->lock);
    ait_engine_free(pump->engine);
    ait_waiters_close(&pump->waiters);
}

static void stop(void *context)
{
    struct ait_pump *pump = context;

    pthread_mutex_lock(&pump->lock);
    pump->stopped = true;
    ait_pump_wake(pump);
    pthread_mutex_unlock(&pump->lock);
}

static void end(void *context)
{
    struct ait_pump *pump = context;
    bool last;

    pthread_mutex_lock(&pump->lock);
    pump->ended = true;
    last = pump->closed;
    pthread_mutex_unlock(&pump->lock);
    if (last)
        ait_pump_free(pump);
}

const struct ait_task ait_pump_task = {.run = run, .stop = stop, .end = end};
