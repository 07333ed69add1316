#include "pump_thread.h"

#include "bell.h"
#include "clock.h"

#include <stdlib.h>
#include <unistd.h>

/* -- making and unmaking -- */

static bool start_over(struct ait_pump *pump)
{
    *pump = (struct ait_pump){
        .engine = pump->engine,
        .max_response_bytes = ait_engine_max_response_bytes(pump->engine),
        .generation = ait_process_generation(),
        .bell = -1,
        .alarm_ms = AIT_PUMP_NEVER,
    };
    ait_attempts_init(&pump->queued);
    ait_attempts_init(&pump->open);
    ait_attempts_init(&pump->finished);
    ait_attempts_init(&pump->idle);
    return pthread_mutex_init(&pump->lock, NULL) == 0;
}

struct ait_pump *ait_pump_new(const struct ait_settings *settings)
{
    struct ait_pump *pump = calloc(1, sizeof *pump);

    if (pump == NULL)
        return NULL;
    pump->engine = ait_engine_new(settings);
    if (pump->engine != NULL && start_over(pump))
        return pump;
    ait_engine_free(pump->engine);
    free(pump);
    return NULL;
}

void ait_pump_free(struct ait_pump *pump)
{
    ait_attempts_free(&pump->queued);
    ait_attempts_free(&pump->open);
    ait_attempts_free(&pump->finished);
    ait_attempts_free(&pump->idle);
    free(pump->gone.list);
    free(pump->rings.list);
    pthread_mutex_destroy(&pump->lock);
    free(pump);
}

bool ait_pump_forked(const struct ait_pump *pump)
{
    return pump->generation != ait_process_generation();
}

void ait_pump_abandon(struct ait_pump *pump)
{
    struct ait_pump *left = malloc(sizeof *left);

    if (left != NULL)
        *left = *pump;
    ait_process_keep(left);
    if (pump->runs) {
        ait_waiters_abandon(&pump->waiters);
        close(pump->bell);
        close(pump->wake);
        close(pump->poller.fd);
    }
    ait_process_keep(ait_engine_abandon(pump->engine));
    start_over(pump);
}

/* -- from the caller's thread to our own -- */

/* Lets go of the lock, and wakes the thread if it sleeps through what is new. */
static void unlock_and_wake(struct ait_pump *pump, bool is_new)
{
    bool wake = is_new && pump->asleep;

    if (wake)
        pump->asleep = false;
    pthread_mutex_unlock(&pump->lock);
    if (wake)
        ait_bell_ring(pump->wake);
}

/* An idle attempt, taken, or a new one; NULL if memory ran out. */
static struct ait_attempt *new_attempt(struct ait_pump *pump, uint64_t id)
{
    struct ait_attempt *attempt = NULL;

    pthread_mutex_lock(&pump->lock);
    if (pump->idle.first != NULL)
        attempt = ait_attempts_take(&pump->idle, &pump->idle.first);
    pthread_mutex_unlock(&pump->lock);
    if (attempt == NULL)
        attempt = ait_attempt_new(pump->max_response_bytes);
    if (attempt != NULL)
        ait_attempt_reset(attempt, id);
    return attempt;
}

static void give_back(struct ait_pump *pump, struct ait_attempt *attempt)
{
    pthread_mutex_lock(&pump->lock);
    ait_pump_retire(pump, attempt);
    pthread_mutex_unlock(&pump->lock);
}

/* Takes the claims of what the engine has open back, and the attempts with them. */
static void disown(struct ait_pump *pump)
{
    uint64_t id;

    for (size_t place = 0; pump->open.first != NULL; place++) {
        ait_engine_share(pump->engine, place, &id, NULL);
        ait_pump_retire(pump, ait_attempts_take(&pump->open, &pump->open.first));
    }
}

/* Makes attempts for what the engine has open. */
static bool adopt(struct ait_pump *pump)
{
    for (size_t place = 0;; place++) {
        struct ait_attempt *attempt = new_attempt(pump, 0);

        if (attempt == NULL)
            return false;
        if (!ait_engine_share(pump->engine, place, &attempt->id, &attempt->claim)) {
            give_back(pump, attempt);
            return true;
        }
        attempt->added = true;
        ait_attempts_append(&pump->open, attempt);
    }
}

/* Where this fails in the middle, what was taken is first to be told by ait_pump_finished. */
static bool take_finished(struct ait_pump *pump)
{
    uint64_t id;

    while (ait_engine_finished(pump->engine, &id) != NULL) {
        struct ait_attempt *attempt = new_attempt(pump, id);

        if (attempt == NULL)
            return false;
        ait_engine_take(pump->engine, &attempt->outcome);
        ait_attempts_append(&pump->finished, attempt);
    }
    return true;
}

static bool open_descriptors(struct ait_pump *pump)
{
    ait_waiters_init(&pump->waiters, &pump->poller);
    pump->bell = ait_bell_open();
    pump->wake = ait_bell_open();
    return ait_poller_open(&pump->poller) && pump->bell >= 0 && pump->wake >= 0 &&
           ait_poller_add(&pump->poller, pump->wake, &pump->wake);
}

static void close_descriptors(struct ait_pump *pump)
{
    ait_poller_close(&pump->poller);
    if (pump->wake >= 0)
        close(pump->wake);
    if (pump->bell >= 0)
        close(pump->bell);
    pump->wake = pump->bell = -1;
}

/* What there is to do by now is for a step to find. */
static bool start(struct ait_pump *pump)
{
    if (pump->runs)
        return true;
    pump->due = true;
    pump->serial = ait_process_serial();
    pump->runs = open_descriptors(pump) && adopt(pump) && take_finished(pump) &&
                 ait_process_start_thread(&ait_pump_task, pump);
    if (pump->runs)
        return true;
    disown(pump);
    close_descriptors(pump);
    return false;
}

bool ait_pump_runs(const struct ait_pump *pump)
{
    return pump->runs;
}

int ait_pump_fd(struct ait_pump *pump)
{
    if (!start(pump))
        return -1;
    pthread_mutex_lock(&pump->lock);
    pump->watched = true;
    if (pump->finished.first != NULL || pump->gone.count > 0 || pump->due)
        ait_pump_ring_host(pump);
    pthread_mutex_unlock(&pump->lock);
    return pump->bell;
}

int ait_pump_listen(struct ait_pump *pump, uint64_t *serial)
{
    if (!start(pump) || !ait_waiters_listen(&pump->waiters))
        return -1;
    *serial = pump->serial;
    return pump->waiters.address;
}

uint64_t ait_pump_epoch(struct ait_pump *pump)
{
    uint64_t epoch;

    pthread_mutex_lock(&pump->lock);
    epoch = pump->epoch;
    pthread_mutex_unlock(&pump->lock);
    return epoch;
}

int ait_pump_close(struct ait_pump *pump)
{
    int bell;
    bool last;

    if (!pump->runs) {
        ait_engine_free(pump->engine);
        ait_pump_free(pump);
        return -1;
    }
    pthread_mutex_lock(&pump->lock);
    bell = pump->bell;
    ait_bell_ring(bell);
    pump->bell = -1;
    pump->closed = true;
    last = pump->ended;
    if (!last)
        ait_bell_ring(pump->wake); /* with the lock: without it the thread may be gone by now */
    pthread_mutex_unlock(&pump->lock);
    if (last)
        ait_pump_free(pump);
    return bell;
}

void ait_pump_stir(struct ait_pump *pump)
{
    if (!pump->runs)
        return;
    pthread_mutex_lock(&pump->lock);
    pump->due = true;
    ait_pump_ring_host(pump);
    pthread_mutex_unlock(&pump->lock);
}

void ait_pump_tell_host(struct ait_pump *pump)
{
    if (!pump->runs)
        return;
    pthread_mutex_lock(&pump->lock);
    ait_pump_ring_host(pump);
    pthread_mutex_unlock(&pump->lock);
}

void ait_pump_alarm(struct ait_pump *pump, int64_t at_ms, uint64_t id)
{
    if (!pump->runs)
        return;
    pthread_mutex_lock(&pump->lock);
    pump->alarm_ms = at_ms;
    pump->alarm_id = id;
    unlock_and_wake(pump, at_ms < pump->wake_ms);
}

void ait_pump_ring(struct ait_pump *pump, uint64_t id)
{
    if (!pump->runs || pump->waiters.listener < 0)
        return;
    pthread_mutex_lock(&pump->lock);
    pump->epoch++;
    if (!ait_ids_add(&pump->rings, id))
        pump->ring_all = true;
    unlock_and_wake(pump, true);
}

bool ait_pump_gone(struct ait_pump *pump, uint64_t *id)
{
    bool found;

    if (!pump->runs)
        return false;
    pthread_mutex_lock(&pump->lock);
    found = pump->gone.count > 0;
    if (found)
        *id = pump->gone.list[--pump->gone.count];
    pthread_mutex_unlock(&pump->lock);
    return found;
}

/* -- as the engine's -- */

bool ait_pump_add(struct ait_pump *pump, uint64_t id, const struct ait_request *request,
                  int64_t timeout_ms)
{
    struct ait_attempt *attempt;

    if (!pump->runs)
        return ait_engine_add(pump->engine, id, request, timeout_ms, NULL);
    attempt = new_attempt(pump, id);
    if (attempt == NULL)
        return false;
    attempt->timeout_ms = timeout_ms;
    if (!ait_request_copy(&attempt->request, request)) {
        give_back(pump, attempt);
        return false;
    }
    pthread_mutex_lock(&pump->lock);
    ait_attempts_append(&pump->queued, attempt);
    pthread_mutex_unlock(&pump->lock);
    return true;
}

void ait_pump_flush(struct ait_pump *pump)
{
    if (!pump->runs)
        return;
    pthread_mutex_lock(&pump->lock);
    unlock_and_wake(pump, pump->queued.first != NULL || pump->cancels);
}

/* Locked. */
static bool cancel(struct ait_pump *pump, uint64_t id, bool *begun)
{
    struct ait_attempts *queue = &pump->queued;
    struct ait_attempt **link = ait_attempts_find(queue, id);

    if (*link == NULL)
        link = ait_attempts_find(queue = &pump->open, id);
    if (*link == NULL)
        link = ait_attempts_find(queue = &pump->finished, id);
    if (*link == NULL || (*link)->cancelled)
        return false;
    *begun = !ait_claim_withdraw(&(*link)->claim);
    if (queue == &pump->open) {
        (*link)->cancelled = pump->cancels = true;
    } else {
        ait_pump_retire(pump, ait_attempts_take(queue, link));
    }
    return true;
}

bool ait_pump_cancel(struct ait_pump *pump, uint64_t id, bool *begun)
{
    bool found;

    if (!pump->runs && ait_engine_cancel(pump->engine, id, begun))
        return true;
    pthread_mutex_lock(&pump->lock);
    found = cancel(pump, id, begun);
    pthread_mutex_unlock(&pump->lock);
    ait_pump_flush(pump);
    return found;
}

void ait_pump_step(struct ait_pump *pump, int64_t timeout_ms)
{
    bool wait;

    if (!pump->runs) {
        ait_engine_step(pump->engine, timeout_ms, -1);
        return;
    }
    pthread_mutex_lock(&pump->lock);
    wait = timeout_ms > 0 && pump->finished.first == NULL && pump->gone.count == 0 && !pump->due;
    pump->watched = pump->watched || wait;
    pthread_mutex_unlock(&pump->lock);
    if (wait)
        ait_bell_wait(pump->bell, (int)timeout_ms);

    pthread_mutex_lock(&pump->lock);
    if (pump->rung)
        ait_bell_clear(pump->bell);
    pump->rung = pump->due = false;
    pthread_mutex_unlock(&pump->lock);
}

/* Whether what has finished next is the engine's to tell. */
static bool is_inline(const struct ait_pump *pump)
{
    return !pump->runs && pump->finished.first == NULL;
}

struct ait_outcome *ait_pump_finished(struct ait_pump *pump, uint64_t *id)
{
    struct ait_attempt *attempt;

    if (is_inline(pump))
        return ait_engine_finished(pump->engine, id);
    pthread_mutex_lock(&pump->lock);
    attempt = pump->finished.first;
    pthread_mutex_unlock(&pump->lock);
    if (attempt == NULL)
        return NULL;
    *id = attempt->id;
    return &attempt->outcome;
}

void ait_pump_release(struct ait_pump *pump)
{
    if (is_inline(pump)) {
        ait_engine_release(pump->engine);
        return;
    }
    pthread_mutex_lock(&pump->lock);
    pump->epoch += !pump->finished.first->heard;
    ait_pump_retire(pump, ait_attempts_take(&pump->finished, &pump->finished.first));
    pthread_mutex_unlock(&pump->lock);
}
