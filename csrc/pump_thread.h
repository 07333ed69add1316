/* A pump seen from the inside: what its Lua side (pump.c) and its thread (pump_thread.c) share.
 *
 * Words. An attempt is queued until the thread has taken it in, open while the engine has it or
 * its caller is gone, finished until the Lua thread releases it, and idle, to be used again, after
 * that.
 *
 * Who may touch what. The lock guards all that stands below it in the struct. The links of open
 * attempts are changed by the thread only, under the lock: so it may read them without. Once there
 * is a thread, the engine and the waiters are its own, but for what waiters.h says. */
#ifndef AIT_PUMP_THREAD_H
#define AIT_PUMP_THREAD_H

#include "pump.h"

#include "attempt.h"
#include "poller.h"
#include "process.h"
#include "waiters.h"

#include <pthread.h>

struct ait_ids {
    uint64_t *list;
    size_t count, capacity;
};

struct ait_pump {
    struct ait_engine *engine;
    size_t max_response_bytes;
    unsigned generation;
    uint64_t serial;
    bool runs; /* there is a thread; for the Lua thread only */
    int wake;  /* the bell that wakes the thread */
    struct ait_poller poller;
    struct ait_waiters waiters;
    bool attached; /* the engine's sockets are in the poller; the thread's */

    pthread_mutex_t lock;
    struct ait_attempts queued, open, finished, idle;
    struct ait_ids gone;  /* whose callers are gone */
    struct ait_ids rings; /* whose callers are to be told */
    uint64_t epoch;       /* grows when something happens of which a caller's message cannot know */
    bool ring_all;
    int bell;     /* the host's descriptor; -1: there is none */
    bool watched; /* the host has asked for it */
    bool rung;    /* it is readable */
    bool due;     /* a step is needed, whoever was told: none was made since */
    bool cancels; /* an open attempt is cancelled */
    bool asleep;  /* the thread waits until wake_ms, and nobody has woken it yet */
    bool stopped; /* the process exits */
    bool closed;  /* by the Lua thread … */
    bool ended;   /* … and the thread's work is done: the last one frees */
    int64_t wake_ms;
    int64_t alarm_ms;
    uint64_t alarm_id;
};

/* False where memory ran out. */
bool ait_ids_add(struct ait_ids *ids, uint64_t id);

/* What the thread does. */
extern const struct ait_task ait_pump_task;

/* With the lock held: keeps an attempt for the next use; makes the host's descriptor readable. */
void ait_pump_retire(struct ait_pump *pump, struct ait_attempt *attempt);
void ait_pump_ring_host(struct ait_pump *pump);

/* Frees it, where both sides are done with it. */
void ait_pump_free(struct ait_pump *pump);

#endif
