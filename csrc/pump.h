/* An engine, and who moves it. At first that is the caller of ait_pump_step, as with an engine of
 * one's own. From the first ait_pump_fd or ait_pump_listen on it is a private thread, the only one
 * to touch libcurl; what has finished is handed over, and ait_pump_step only waits for it.
 *
 * All functions are the Lua thread's, and none of them waits for the network, for a name server or
 * for the thread, but ait_pump_step for as long as it is told. An id is never 0, and those of
 * attempts that are open or finished differ. */
#ifndef AIT_PUMP_H
#define AIT_PUMP_H

#include "engine.h"

#define AIT_PUMP_NEVER INT64_MAX

struct ait_pump;

/* NULL if memory ran out. No descriptor and no thread is made before it is needed. */
struct ait_pump *ait_pump_new(const struct ait_settings *settings);

/* Drops what is open, closes the connections, wipes the key: at once, or, where there is a thread,
 * on it, as its last work. Returns the descriptor of ait_pump_fd, readable for good, which is the
 * caller's to close from now on, or -1: a host that waits on it must see that all is over. */
int ait_pump_close(struct ait_pump *pump);

/* As that of the engine; but the thread may not see it before ait_pump_flush. */
bool ait_pump_add(struct ait_pump *pump, uint64_t id, const struct ait_request *request,
                  int64_t timeout_ms);
void ait_pump_flush(struct ait_pump *pump);

/* As those of the engine. */
bool ait_pump_cancel(struct ait_pump *pump, uint64_t id, bool *begun);
void ait_pump_step(struct ait_pump *pump, int64_t timeout_ms);
struct ait_outcome *ait_pump_finished(struct ait_pump *pump, uint64_t *id);
void ait_pump_release(struct ait_pump *pump);

/* A descriptor that is readable while something has finished, an alarm has gone off, or a caller
 * is gone; the same one for as long as the pump lives. -1: no thread or no descriptor to be had. */
int ait_pump_fd(struct ait_pump *pump);

/* Lets callers park on a socket (waiters.h). The descriptor that stands for its path, or -1;
 * *serial: a number that no other pump of this process ever has. */
int ait_pump_listen(struct ait_pump *pump, uint64_t *serial);

/* What a caller that parks now must send beside the id of its job. */
uint64_t ait_pump_epoch(struct ait_pump *pump);

/* Whether there is a thread. */
bool ait_pump_runs(const struct ait_pump *pump);

/* A step has become needed. */
void ait_pump_stir(struct ait_pump *pump);

/* Makes the host's descriptor readable until the next step. */
void ait_pump_tell_host(struct ait_pump *pump);

/* When a step must be made even if nothing has finished, and for which job: it replaces what was
 * said before. AIT_PUMP_NEVER: need not. Without a thread there is nobody to keep it. */
void ait_pump_alarm(struct ait_pump *pump, int64_t at_ms, uint64_t id);

/* The caller that is parked for this job is to look at it. */
void ait_pump_ring(struct ait_pump *pump, uint64_t id);

/* Says once of a job that its parked caller is gone; its attempt has been given up, and waits for
 * ait_pump_cancel. False: there is none. */
bool ait_pump_gone(struct ait_pump *pump, uint64_t *id);

/* Whether this is a child of the process that used the pump last: then abandon it before anything
 * else, which leaves all that is open to the parent and makes the pump as new. */
bool ait_pump_forked(const struct ait_pump *pump);
void ait_pump_abandon(struct ait_pump *pump);

#endif
