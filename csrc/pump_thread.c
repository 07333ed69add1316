/* What the pump's thread does. Functions marked as locked are called with the lock held. */
#include "pump_thread.h"

#include "bell.h"
#include "clock.h"

#include <stdlib.h>
#include <unistd.h>

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

/* Tells the caller of this job, or one that looks after all. */
static void tell_caller(struct ait_pump *pump, uint64_t id)
{
    struct ait_waiter *waiter = ait_waiters_take(&pump->waiters, id);

    if (waiter == NULL)
        waiter = ait_waiters_take(&pump->waiters, AIT_WAITER_ANY);
    if (waiter != NULL)
        ait_waiters_ring(waiter);
}

/* Somebody must make a step: best the one that waits for this job. */
static void call_for_step(struct ait_pump *pump, uint64_t id)
{
    struct ait_waiter *waiter = ait_waiters_take(&pump->waiters, id);

    if (waiter == NULL)
        waiter = ait_waiters_take_any(&pump->waiters);
    pthread_mutex_lock(&pump->lock);
    pump->due = true; /* until somebody has made it: whoever is told may be gone, or done */
    ait_pump_ring_host(pump);
    pthread_mutex_unlock(&pump->lock);
    if (waiter != NULL)
        ait_waiters_ring(waiter);
}

/* Lets libcurl do what it wanted to do at about this time. */
static void expire(struct ait_pump *pump)
{
    if (pump->attached && ait_engine_due_ms(pump->engine) <= ait_clock_now_ms())
        ait_engine_expire(pump->engine);
}

/* Locked, but not while libcurl works, which begins them when it expires next: at once. */
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
            struct ait_attempt *attempt = ait_attempts_take(&pump->open, link);

            attempt->outcome.failure = AIT_FAILURE_OUT_OF_MEMORY;
            if (attempt->cancelled)
                ait_pump_retire(pump, attempt);
            else
                ait_attempts_append(&pump->finished, attempt);
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
        tell_caller(pump, id);
}

/* The caller of this job is gone. Its attempt, if it has one, ends here and now; the job ends with
 * the next step. */
static void give_up(struct ait_pump *pump, uint64_t id)
{
    struct ait_attempt **link;
    bool noted, begun;

    if (id == AIT_WAITER_ANY)
        return;
    pthread_mutex_lock(&pump->lock);
    noted = ait_ids_add(&pump->gone, id);
    link = ait_attempts_find(&pump->queued, id);
    if (noted && *link != NULL)
        ait_attempts_append(&pump->open, ait_attempts_take(&pump->queued, link));
    link = ait_attempts_find(&pump->open, id);
    if (noted && *link != NULL)
        (void)ait_claim_withdraw(&(*link)->claim);
    pthread_mutex_unlock(&pump->lock);

    if (!noted)
        return; /* no memory for it: the job goes on to its own end */
    ait_engine_cancel(pump->engine, id, &begun);
    call_for_step(pump, id);
}

static void hear_waiter(struct ait_pump *pump, void *about)
{
    struct ait_message message;

    switch (ait_waiters_hear(&pump->waiters, about, &message)) {
    case AIT_WAITERS_PARKED:
        answer_parked(pump, &message);
        break;
    case AIT_WAITERS_GONE:
        give_up(pump, message.id);
        break;
    case AIT_WAITERS_NOTHING:
        break;
    }
}

/* -- waiting -- */

static void watch_socket(void *context, int fd, bool in, bool out)
{
    struct ait_pump *pump = context;

    (void)ait_poller_watch(&pump->poller, fd, in, out); /* what can't be watched times out */
}

static void socket_opened(void *context, int fd)
{
    struct ait_pump *pump = context;

    ait_poller_opened(&pump->poller, fd);
}

static void socket_closed(void *context, int fd)
{
    struct ait_pump *pump = context;

    ait_poller_closed(&pump->poller, fd);
}

/* What was open before there was a thread stays with the engine's own way of waiting, and all that
 * comes while it is there. */
static void attach(struct ait_pump *pump)
{
    const struct ait_watcher watcher = {pump, watch_socket, socket_opened, socket_closed};

    if (!pump->attached && pump->open.first == NULL)
        pump->attached = ait_engine_attach(pump->engine, &watcher);
}

static void wait_for_work(struct ait_pump *pump, int64_t wake_ms)
{
    bool attached = pump->attached;
    int64_t left_ms = LONGEST_WAIT_MS, now_ms;
    uint64_t id;

    expire(pump);
    now_ms = ait_clock_now_ms();
    if (attached)
        wake_ms = ait_clock_earlier(wake_ms, ait_engine_due_ms(pump->engine));
    if (wake_ms < AIT_PUMP_NEVER)
        left_ms = ait_clock_earlier(left_ms, wake_ms > now_ms ? wake_ms - now_ms : 0);
    if (ait_engine_finished(pump->engine, &id) != NULL)
        left_ms = 0;
    if (!attached) {
        ait_engine_step(pump->engine, left_ms, pump->poller.fd);
        left_ms = 0;
    }
    ait_poller_wait(&pump->poller, (int)left_ms);
}

static void move_ready(struct ait_pump *pump)
{
    struct ait_ready ready;

    while (ait_poller_next(&pump->poller, &ready)) {
        if (ready.about == NULL)
            ait_engine_move(pump->engine, ready.fd, ready.in, ready.out);
        else if (ready.about == &pump->wake)
            ait_bell_clear(pump->wake);
        else
            hear_waiter(pump, ready.about);
    }
}

/* -- telling -- */

/* Locked: moves what the engine has finished to where the Lua thread finds it. */
static void hand_over(struct ait_pump *pump)
{
    uint64_t id;

    while (ait_engine_finished(pump->engine, &id) != NULL) {
        struct ait_attempt *attempt =
            ait_attempts_take(&pump->open, ait_attempts_find(&pump->open, id));

        ait_engine_take(pump->engine, &attempt->outcome);
        if (attempt->cancelled)
            ait_pump_retire(pump, attempt);
        else
            ait_attempts_append(&pump->finished, attempt);
    }
}

/* Locked: the callers of what has finished and was not told yet. Returns how many. */
static size_t take_callers(struct ait_pump *pump, struct ait_waiter **callers, size_t most)
{
    struct ait_attempt *attempt = pump->finished.first;
    size_t n = 0;

    for (; attempt != NULL && n < most; attempt = attempt->next) {
        if (attempt->told)
            continue;
        attempt->told = true;
        callers[n] = ait_waiters_take(&pump->waiters, attempt->id);
        attempt->heard = callers[n] != NULL;
        if (!attempt->heard)
            callers[n] = ait_waiters_take(&pump->waiters, AIT_WAITER_ANY);
        n += callers[n] != NULL;
    }
    return n;
}

/* They are rung without the lock, which they will want at once. */
static void collect(struct ait_pump *pump)
{
    struct ait_waiter *callers[64];
    size_t n;

    pthread_mutex_lock(&pump->lock);
    hand_over(pump);
    if (pump->finished.first != NULL)
        ait_pump_ring_host(pump);
    do {
        n = take_callers(pump, callers, sizeof callers / sizeof callers[0]);
        pthread_mutex_unlock(&pump->lock);
        for (size_t i = 0; i < n; i++)
            ait_waiters_ring(callers[i]);
        pthread_mutex_lock(&pump->lock);
    } while (n > 0);
    pthread_mutex_unlock(&pump->lock);
}

/* Tells those that the Lua thread wants told. */
static void ring_callers(struct ait_pump *pump)
{
    struct ait_ids rings;
    struct ait_waiter *waiter;
    bool all;

    pthread_mutex_lock(&pump->lock);
    rings = pump->rings;
    all = pump->ring_all;
    pump->rings = (struct ait_ids){NULL, 0, 0};
    pump->ring_all = false;
    pthread_mutex_unlock(&pump->lock);

    for (size_t i = 0; i < rings.count; i++)
        call_for_step(pump, rings.list[i]);
    free(rings.list);
    while (all && (waiter = ait_waiters_take_any(&pump->waiters)) != NULL)
        ait_waiters_ring(waiter);
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
        attach(pump);
        while (pump->queued.first != NULL || pump->cancels) {
            if (pump->queued.first != NULL)
                begin_queued(pump);
            if (pump->cancels)
                end_cancelled(pump);
        }
        pump->asleep = pump->rings.count == 0 && !pump->ring_all;
        pump->wake_ms = wake_ms = pump->asleep ? pump->alarm_ms : 0;
        pthread_mutex_unlock(&pump->lock);

        wait_for_work(pump, wake_ms);
        pthread_mutex_lock(&pump->lock);
        pump->asleep = false;
        pthread_mutex_unlock(&pump->lock);
        move_ready(pump);
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
    ait_bell_ring(pump->wake);
    pthread_mutex_unlock(&pump->lock);
}

static void end(void *context)
{
    struct ait_pump *pump = context;
    bool last;

    pthread_mutex_lock(&pump->lock);
    close(pump->wake);
    ait_poller_close(&pump->poller);
    pump->ended = true; /* and nobody rings it any more */
    last = pump->closed;
    pthread_mutex_unlock(&pump->lock);
    if (last)
        ait_pump_free(pump);
}

const struct ait_task ait_pump_task = {.run = run, .stop = stop, .end = end};
