/* A client's open jobs, those of them that wait in line, and the turn that moves them on. */
#include "lua_core.h"

#include "clock.h"
#include <math.h>
#include <stdio.h>

/* During a turn: the index of the client's table of jobs. */
#define JOBS 2

static void link_open(struct ait_client *client, struct ait_job *job)
{
    client->changes++;
    job->open = true;
    job->previous_open = client->open_last;
    if (client->open_last != NULL)
        client->open_last->next_open = job;
    else
        client->open_first = job;
    client->open_last = job;
}

static void unlink_open(struct ait_client *client, struct ait_job *job)
{
    if (job->previous_open != NULL)
        job->previous_open->next_open = job->next_open;
    else
        client->open_first = job->next_open;
    if (job->next_open != NULL)
        job->next_open->previous_open = job->previous_open;
    else
        client->open_last = job->previous_open;
    client->changes++;
    job->previous_open = job->next_open = NULL;
    job->open = false;
}

/* In order of due_ms; first come, first served among equals. */
static void wait_in_line(struct ait_client *client, struct ait_job *job)
{
    struct ait_job *before = client->waiting_last;

    while (before != NULL && before->due_ms > job->due_ms)
        before = before->previous_waiting;
    job->previous_waiting = before;
    job->next_waiting = before != NULL ? before->next_waiting : client->waiting_first;
    if (job->next_waiting != NULL)
        job->next_waiting->previous_waiting = job;
    else
        client->waiting_last = job;
    if (before != NULL)
        before->next_waiting = job;
    else
        client->waiting_first = job;
    client->changes++;
    job->state = AIT_WAITING;
}

static void leave_line(struct ait_client *client, struct ait_job *job)
{
    if (job->previous_waiting != NULL)
        job->previous_waiting->next_waiting = job->next_waiting;
    else
        client->waiting_first = job->next_waiting;
    if (job->next_waiting != NULL)
        job->next_waiting->previous_waiting = job->previous_waiting;
    else
        client->waiting_last = job->previous_waiting;
    client->changes++;
    job->previous_waiting = job->next_waiting = NULL;
}

void ait_client_add_job(struct ait_client *client, struct ait_job *job)
{
    link_open(client, job);
    wait_in_line(client, job);
}

void ait_client_stop_job(struct ait_client *client, struct ait_job *job, enum ait_failure reason)
{
    bool begun = false;

    if (job->state == AIT_WAITING) {
        leave_line(client, job);
    } else {
        ait_pump_cancel(client->pump, (uint64_t)job->id, &begun);
        ait_pacer_ended(&client->pacer);
    }
    unlink_open(client, job);
    ait_job_stop(job, reason, begun && !job->looking_up);
}

/* Drops the client's hold on a job that has ended; the table of jobs is at this index. Cannot
 * raise, since the key exists. */
static void forget(lua_State *L, int jobs, const struct ait_job *job)
{
    lua_pushnil(L);
    lua_rawseti(L, jobs, job->id);
}

void ait_client_end_job(lua_State *L, struct ait_client *client, struct ait_job *job,
                        enum ait_failure reason)
{
    int top = lua_gettop(L);

    ait_compat_push_anchor(L, 1);
    lua_rawgeti(L, top + 1, job->id);
    ait_client_stop_job(client, job, reason);
    ait_job_drop_values(L, top + 2);
    forget(L, top + 1, job);
    ait_pump_ring(client->pump, (uint64_t)job->id);
    ait_pump_stir(client->pump);
    ait_event_emit(L, client,
                   (struct ait_event){.name = "response",
                                      .job = job,
                                      .look_up = job->looking_up,
                                      .failure = ait_outcome_failure_name(reason),
                                      .delay_ms = -1,
                                      .ended = top + 2});
    lua_settop(L, top);
}

void ait_client_drop_values(lua_State *L, const struct ait_client *client, int index)
{
    ait_compat_push_anchor(L, index);
    for (const struct ait_job *job = client->open_first; job != NULL; job = job->next_open) {
        lua_rawgeti(L, -1, job->id);
        ait_job_drop_values(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* What becomes of them is in the parent's hands. */
void ait_client_disown(lua_State *L, struct ait_client *client, int index)
{
    struct ait_job *job;

    ait_client_drop_values(L, client, index);
    ait_compat_push_anchor(L, index);
    while ((job = client->open_first) != NULL) {
        if (job->state == AIT_WAITING)
            leave_line(client, job);
        unlink_open(client, job);
        ait_job_stop(job, AIT_FAILURE_FORKED, true);
        forget(L, lua_gettop(L), job);
    }
    lua_pop(L, 1);
    client->pacer.in_flight = 0;
    ait_pump_abandon(client->pump);
}

/* Hands the first in line to the engine. Returns whether it ended instead. */
static bool start_first(lua_State *L, struct ait_client *client, int64_t now_ms)
{
    struct ait_job *job = client->waiting_first;
    int64_t left_ms = job->rules.deadline_ms - now_ms;
    /* One more than is left, lest rounding end it just before the deadline, with time for nothing.
     */
    int64_t timeout_ms = client->timeout_ms <= left_ms ? client->timeout_ms : left_ms + 1;

    if (!ait_pump_add(client->pump, (uint64_t)job->id,
                      job->looking_up ? &job->look_up : &job->request, timeout_ms)) {
        ait_client_end_job(L, client, job, AIT_FAILURE_OUT_OF_MEMORY);
        return true;
    }
    leave_line(client, job);
    job->state = AIT_IN_FLIGHT;
    job->held = AIT_HOLD_NONE;
    job->attempts += !job->looking_up;
    ait_pacer_start(&client->pacer, now_ms);
    ait_event_emit(L, client,
                   (struct ait_event){
                       .name = "request", .job = job, .look_up = job->looking_up, .delay_ms = -1});
    return false;
}

static void tell_hold(lua_State *L, struct ait_client *client, struct ait_job *job,
                      enum ait_hold hold, int64_t delay_ms)
{
    static const char *const reasons[] = {NULL, "concurrency", "rate", "allowance", "pause"};

    if (job->held == hold)
        return;
    job->held = hold;
    ait_event_emit(L, client,
                   (struct ait_event){.name = "wait",
                                      .job = job,
                                      .look_up = job->looking_up,
                                      .reason = reasons[hold],
                                      .delay_ms = delay_ms});
}

/* The oldest job that waits, and so the one whose deadline comes first. */
static struct ait_job *oldest_waiting(const struct ait_client *client)
{
    struct ait_job *job = client->open_first;

    while (job != NULL && job->state != AIT_WAITING)
        job = job->next_open;
    return job;
}

/* Ends the waiting jobs whose deadline is not after at_ms. Returns how many. */
static int end_overdue(lua_State *L, struct ait_client *client, int64_t now_ms, int64_t at_ms)
{
    struct ait_job *job;
    int ended = 0;

    while ((job = oldest_waiting(client)) != NULL && job->rules.deadline_ms <= at_ms) {
        job->retry_after_ms = at_ms - now_ms;
        ait_client_end_job(L, client, job,
                           at_ms > now_ms ? AIT_FAILURE_PAUSED : AIT_FAILURE_DEADLINE);
        ended++;
    }
    return ended;
}

/* Asks the limiter, if there is one, for leave to send a request now. Where it raises there is no
 * telling when to ask again: the request may leave. */
static bool has_leave(lua_State *L, struct ait_client *client, int64_t now_ms)
{
    lua_Number wait = 0;

    if (!client->has_limiter)
        return true;
    lua_rawgeti(L, JOBS, AIT_CLIENT_LIMITER);
    if (lua_pcall(L, 0, 1, 0) == 0)
        wait = lua_tonumber(L, -1);
    lua_settop(L, JOBS);
    if (!(wait > 0))
        return true;
    ait_pacer_hold(&client->pacer, now_ms + (int64_t)ceil(wait * 1000));
    return false;
}

/* Starts what is due and may leave; ends what can't leave before its deadline. Returns how many
 * jobs ended. */
static int start_due(lua_State *L, struct ait_client *client)
{
    int64_t now_ms = ait_clock_now_ms();
    struct ait_job *job;
    int ended = end_overdue(L, client, now_ms, now_ms);

    if (client->pacer.paused_until_ms > now_ms)
        ended += end_overdue(L, client, now_ms, client->pacer.paused_until_ms);

    while ((job = client->waiting_first) != NULL && job->due_ms <= now_ms) {
        enum ait_hold hold;
        int64_t at_ms = ait_pacer_next_ms(&client->pacer, now_ms, &hold);

        if (at_ms != AIT_PACER_FULL && job->rules.deadline_ms <= at_ms) {
            ait_client_end_job(L, client, job, AIT_FAILURE_DEADLINE);
            ended++;
        } else if (at_ms > now_ms) {
            tell_hold(L, client, job, hold, at_ms == AIT_PACER_FULL ? -1 : at_ms - now_ms);
            break;
        } else if (has_leave(L, client, now_ms)) {
            ended += start_first(L, client, now_ms);
        }
    }
    return ended;
}

int64_t ait_client_next_ms(const struct ait_client *client, int64_t now_ms, uint64_t *id)
{
    const struct ait_job *job = client->waiting_first;
    const struct ait_job *oldest;
    int64_t start_ms;
    enum ait_hold hold;

    *id = 0;
    if (job == NULL)
        return AIT_PUMP_NEVER;
    start_ms =
        job->due_ms > now_ms ? job->due_ms : ait_pacer_next_ms(&client->pacer, now_ms, &hold);
    oldest = oldest_waiting(client);
    if (oldest->rules.deadline_ms < start_ms)
        job = oldest;
    *id = (uint64_t)job->id;
    return ait_clock_earlier(start_ms, oldest->rules.deadline_ms);
}

/* What came back of the job on top of the stack, and what happens next. The outcome stays the
 * engine's first until it is released, whatever the handler does. */
static void tell_outcome(lua_State *L, struct ait_client *client, const struct ait_job *job,
                         const struct ait_outcome *outcome, bool looking_up)
{
    char status[16];
    const char *failure = ait_outcome_failure_name(outcome->failure);
    struct ait_event event = {
        .name = "response",
        .job = job,
        .look_up = looking_up,
        .status = outcome->status,
        .request_id = ait_headers_request_id(&outcome->headers),
        .failure = failure,
        .delay_ms = -1,
        .ended = job->state == AIT_ENDED ? lua_gettop(L) : 0,
    };

    if (!client->has_handler)
        return;
    ait_event_emit(L, client, event);
    if (job->state != AIT_WAITING)
        return;
    int64_t left_ms = job->due_ms - ait_clock_now_ms();
    snprintf(status, sizeof status, "http_%d", outcome->status);
    ait_event_emit(L, client,
                   (struct ait_event){
                       .name = job->looking_up ? "reconcile" : "retry",
                       .job = job,
                       .look_up = job->looking_up,
                       .reason = failure != NULL ? failure : status,
                       .delay_ms = left_ms < 0 ? 0 : left_ms,
                   });
}

/* Takes in what the engine has finished. Where memory runs out the outcome stays with the engine,
 * for the next turn. */
static int take_finished(lua_State *L, struct ait_client *client)
{
    struct ait_outcome *outcome;
    uint64_t id;
    int ended = 0;

    while ((outcome = ait_pump_finished(client->pump, &id)) != NULL) {
        struct ait_job *job;
        bool looking_up;

        lua_rawgeti(L, JOBS, (int)id);
        job = lua_touserdata(L, -1);
        looking_up = job->looking_up;
        client->advancing = job;
        ait_job_advance(L, client, job, outcome);
        client->advancing = NULL;
        ait_pacer_ended(&client->pacer);
        if (job->state == AIT_ENDED) {
            unlink_open(client, job);
            forget(L, JOBS, job);
            ended++;
        } else {
            wait_in_line(client, job);
        }
        tell_outcome(L, client, job, outcome, looking_up);
        ait_pump_release(client->pump);
        lua_settop(L, JOBS);
    }
    return ended;
}

/* Ends the jobs whose callers are gone. Returns how many. */
static int end_abandoned(lua_State *L, struct ait_client *client)
{
    uint64_t id;
    int ended = 0;

    while (ait_pump_gone(client->pump, &id)) {
        struct ait_job *job;

        lua_rawgeti(L, JOBS, (int)id);
        job = lua_touserdata(L, -1);
        if (job != NULL) {
            ait_client_end_job(L, client, job, AIT_FAILURE_CANCELLED);
            ended++;
        }
        lua_settop(L, JOBS);
    }
    return ended;
}

/* What has come in since the last turn. */
static int take_in(lua_State *L, struct ait_client *client)
{
    int ended = take_finished(L, client);

    return ended + end_abandoned(L, client);
}

struct turn {
    struct ait_client *client;
    int64_t timeout_ms;
    int ended;
};

/* (client, turn) */
static int turn(lua_State *L)
{
    struct turn *turn = lua_touserdata(L, 2);
    struct ait_client *client = turn->client;
    int64_t now_ms, next_ms, timeout_ms = turn->timeout_ms;
    uint64_t id;

    luaL_checkstack(L, 40, "turn");
    lua_settop(L, 1);
    ait_compat_push_anchor(L, 1);
    turn->ended = take_in(L, client);
    turn->ended += start_due(L, client);
    now_ms = ait_clock_now_ms();
    next_ms = ait_client_next_ms(client, now_ms, &id);
    if (turn->ended > 0 || next_ms <= now_ms)
        timeout_ms = 0;
    else
        timeout_ms = ait_clock_earlier(timeout_ms, next_ms - now_ms);
    if (timeout_ms > 0)
        ait_pump_flush(client->pump);
    ait_pump_step(client->pump, timeout_ms);
    turn->ended += take_in(L, client);
    turn->ended += start_due(L, client);
    return 0;
}

/* What is left to do also where memory ran out in the middle. */
static void end_turn(struct ait_client *client, bool tell_host, bool flush)
{
    uint64_t id;
    int64_t next_ms;

    client->in_turn = false;
    client->advancing = NULL;
    if (!ait_pump_runs(client->pump))
        return;
    if (tell_host)
        ait_pump_tell_host(client->pump); /* several may wait for it, and one of them has turned */
    if (flush)
        ait_pump_flush(client->pump);
    next_ms = ait_client_next_ms(client, ait_clock_now_ms(), &id);
    ait_pump_alarm(client->pump, next_ms, id);
}

int ait_client_turn(lua_State *L, struct ait_client *client, int64_t timeout_ms, bool flush)
{
    struct turn one = {.client = client, .timeout_ms = timeout_ms};
    int status;

    lua_settop(L, 1);
    ait_core_push_tool(L, AIT_TOOL_TURN);
    lua_pushvalue(L, 1);
    lua_pushlightuserdata(L, &one);
    client->in_turn = true;
    status = lua_pcall(L, 2, 0, 0);
    end_turn(client, one.ended > 0 || status != 0, flush || status != 0);
    if (status != 0)
        lua_error(L);
    return one.ended;
}

void ait_client_push_turn(lua_State *L)
{
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, turn, 1);
}
