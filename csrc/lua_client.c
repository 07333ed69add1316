#include "lua_core.h"

#include "clock.h"
#include "transfer.h"
#include <math.h>
#include <string.h>

#define MAX_BASE_URL ((size_t)4096)
#define MAX_TURN_S 3600.0

struct ait_client *ait_client_check(lua_State *L, int index)
{
    struct ait_client *client = ait_compat_test_userdata(L, index, AIT_CLIENT);

    if (client == NULL)
        ait_core_raise_argument(L, "self", "must be a client");
    return client;
}

/* -- open and waiting jobs -- */

static void link_open(struct ait_client *client, struct ait_job *job)
{
    job->next_open = client->open;
    if (client->open != NULL)
        client->open->previous_open = job;
    client->open = job;
}

static void unlink_open(struct ait_client *client, struct ait_job *job)
{
    if (job->previous_open != NULL)
        job->previous_open->next_open = job->next_open;
    else
        client->open = job->next_open;
    if (job->next_open != NULL)
        job->next_open->previous_open = job->previous_open;
    job->previous_open = job->next_open = NULL;
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
    job->previous_waiting = job->next_waiting = NULL;
}

void ait_client_stop_job(struct ait_client *client, struct ait_job *job, enum ait_failure reason)
{
    bool begun = false;

    if (job->state == AIT_WAITING) {
        leave_line(client, job);
    } else {
        ait_engine_cancel(client->engine, (uint64_t)job->id, &begun);
        client->in_flight--;
    }
    unlink_open(client, job);
    ait_job_stop(job, reason, begun && !job->looking_up);
}

/* Hands the first in line to the engine, or ends it where that is no longer possible. Returns
 * whether it ended. */
static bool start_first(struct ait_client *client, int64_t now_ms)
{
    struct ait_job *job = client->waiting_first;
    int64_t left_ms = job->rules.deadline_ms - now_ms;
    int64_t timeout_ms = client->timeout_ms < left_ms ? client->timeout_ms : left_ms;

    if (left_ms <= 0) {
        ait_client_stop_job(client, job, AIT_FAILURE_DEADLINE);
        return true;
    }
    if (!ait_engine_add(client->engine, (uint64_t)job->id,
                        job->looking_up ? &job->look_up : &job->request, timeout_ms)) {
        ait_client_stop_job(client, job, AIT_FAILURE_OUT_OF_MEMORY);
        return true;
    }
    leave_line(client, job);
    job->state = AIT_IN_FLIGHT;
    job->attempts += !job->looking_up;
    client->in_flight++;
    return false;
}

/* Starts what is due and has room. Returns how many jobs ended instead. */
static int start_due(struct ait_client *client)
{
    int64_t now_ms = ait_clock_now_ms();
    int ended = 0;

    while (client->waiting_first != NULL && client->waiting_first->due_ms <= now_ms &&
           client->in_flight < client->concurrency)
        ended += start_first(client, now_ms);
    return ended;
}

/* -- methods -- */

static int refuse_closed(lua_State *L)
{
    ait_core_push_tool(L, AIT_TOOL_CONFIG);
    lua_pushliteral(L, "the client is closed");
    lua_pushnil(L);
    lua_pushliteral(L, "CLIENT_CLOSED");
    lua_call(L, 3, 1);
    return 1;
}

/* (client, row, values, body) -> job, or nil and an Error where the client is closed. The
 * parameters are checked already; nothing is sent before the next turn. */
static int client_submit(lua_State *L)
{
    struct ait_client *client = ait_client_check(L, 1);
    struct ait_job *job;

    if (client->engine == NULL) {
        lua_pushnil(L);
        return 1 + refuse_closed(L);
    }
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checktype(L, 3, LUA_TTABLE);
    luaL_checktype(L, 4, LUA_TTABLE);
    lua_settop(L, 4);
    job = ait_job_new(L, client);
    job->id = client->next_id;

    ait_compat_push_anchor(L, 1);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, job->id);
    lua_pop(L, 1);

    client->next_id = client->next_id == INT32_MAX ? 1 : client->next_id + 1;
    link_open(client, job);
    wait_in_line(client, job);
    return 1;
}

/* Drops the client's hold on a job that has ended; cannot raise, since the key exists. */
static void forget(lua_State *L, int jobs, const struct ait_job *job)
{
    lua_pushnil(L);
    lua_rawseti(L, jobs, job->id);
}

/* Takes in what the engine has finished; the client's table of jobs is on top of the stack.
 * Where memory runs out the outcome stays with the engine, for the next turn. */
static int take_finished(lua_State *L, struct ait_client *client)
{
    const struct ait_outcome *outcome;
    uint64_t id;
    int jobs = lua_gettop(L);
    int ended = 0;

    while ((outcome = ait_engine_finished(client->engine, &id)) != NULL) {
        struct ait_job *job;

        lua_rawgeti(L, jobs, (int)id);
        job = lua_touserdata(L, -1);
        ait_job_advance(L, client, job, outcome);
        ait_engine_release(client->engine);
        client->in_flight--;
        if (job->state == AIT_ENDED) {
            unlink_open(client, job);
            forget(L, jobs, job);
            ended++;
        } else {
            wait_in_line(client, job);
        }
        lua_settop(L, jobs);
    }
    return ended;
}

static int64_t checked_timeout_ms(lua_State *L, int index)
{
    lua_Number timeout = 0;

    if (!lua_isnoneornil(L, index)) {
        if (lua_type(L, index) != LUA_TNUMBER || !(lua_tonumber(L, index) >= 0))
            ait_core_raise_argument(L, "timeout", "must be a number of seconds, 0 or more");
        timeout = lua_tonumber(L, index);
    }
    return (int64_t)ceil((timeout > MAX_TURN_S ? MAX_TURN_S : timeout) * 1000);
}

/* (client, timeout) -> how many jobs ended. */
static int client_turn(lua_State *L)
{
    struct ait_client *client = ait_client_check(L, 1);
    int64_t timeout_ms = checked_timeout_ms(L, 2);
    int ended;

    if (client->engine == NULL) {
        refuse_closed(L);
        return lua_error(L);
    }
    ended = start_due(client);
    if (client->waiting_first != NULL && client->in_flight < client->concurrency) {
        int64_t wait_ms = client->waiting_first->due_ms - ait_clock_now_ms();

        if (wait_ms < timeout_ms)
            timeout_ms = wait_ms < 0 ? 0 : wait_ms;
    }
    ait_engine_step(client->engine, ended > 0 ? 0 : timeout_ms);
    lua_settop(L, 1);
    ait_compat_push_anchor(L, 1);
    ended += take_finished(L, client);
    ended += start_due(client);
    lua_pushinteger(L, ended);
    return 1;
}

/* Ends every open job, closes the connections, wipes the key. Closing twice is fine. */
static int client_close(lua_State *L)
{
    struct ait_client *client = ait_client_check(L, 1);

    while (client->open != NULL)
        ait_client_stop_job(client, client->open, AIT_FAILURE_CLOSED);
    ait_engine_free(client->engine);
    client->engine = NULL;
    return 0;
}

/* No job that anyone can see is open here, since a job keeps its client. */
static int client_gc(lua_State *L)
{
    struct ait_client *client = ait_client_check(L, 1);

    client->open = client->waiting_first = client->waiting_last = NULL;
    ait_engine_free(client->engine);
    client->engine = NULL;
    ait_buffer_free(&client->base_url);
    return 0;
}

/* -- from settings -- */

static const char *string_setting(lua_State *L, const char *name)
{
    const char *text = NULL;

    lua_getfield(L, 1, name);
    if (lua_type(L, -1) == LUA_TSTRING)
        text = lua_tostring(L, -1); /* lives as long as the table of settings */
    lua_pop(L, 1);
    return text;
}

static lua_Number number_setting(lua_State *L, const char *name)
{
    lua_Number number;

    lua_getfield(L, 1, name);
    number = lua_tonumber(L, -1);
    lua_pop(L, 1);
    return number;
}

static bool boolean_setting(lua_State *L, const char *name)
{
    bool value;

    lua_getfield(L, 1, name);
    value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

static int64_t ms_setting(lua_State *L, const char *name)
{
    return (int64_t)ceil(number_setting(L, name) * 1000);
}

/* Pushes a userdata that holds the array of header lines; they live as long as the settings. */
static const char *const *push_headers(lua_State *L)
{
    const char **lines;
    size_t n;

    lua_getfield(L, 1, "headers");
    luaL_checktype(L, -1, LUA_TTABLE);
    n = ait_compat_length(L, -1);
    lines = lua_newuserdata(L, (n + 1) * sizeof *lines);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, -2, (int)i + 1);
        lines[i] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    lines[n] = NULL;
    lua_remove(L, -2);
    return lines;
}

static void read_rules(lua_State *L, struct ait_client *client)
{
    client->rules.max_retries = (int)number_setting(L, "max_retries");
    client->rules.can_look_up = boolean_setting(L, "reconcile");
    client->rules.settle_ms = ms_setting(L, "settle");
    client->timeout_ms = ms_setting(L, "timeout");
    client->deadline_ms = ms_setting(L, "deadline");
    client->concurrency = (int)number_setting(L, "concurrency");
    client->retry_tokens = AIT_RETRY_TOKENS;
    client->next_id = 1;
}

static struct ait_engine *new_engine(lua_State *L)
{
    struct ait_settings settings = {
        .user_agent = string_setting(L, "user_agent"),
        .credential = string_setting(L, "credential"),
        .proxy = string_setting(L, "proxy"),
        .ca_file = string_setting(L, "ca_file"),
        .ca_path = string_setting(L, "ca_path"),
        .connect_timeout_ms = ms_setting(L, "connect_timeout"),
        .max_response_bytes = (size_t)number_setting(L, "max_response_bytes"),
        .connections = (size_t)number_setting(L, "concurrency"),
        .http2 = boolean_setting(L, "http2"),
    };
    struct ait_engine *engine;

    settings.headers = push_headers(L);
    engine = ait_engine_new(&settings);
    lua_pop(L, 1);
    return engine;
}

/* core.new(settings): settings as options.lua returns them. */
static int client_new(lua_State *L)
{
    struct ait_client *client;
    const char *base_url;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    client = ait_core_new_userdata(L, sizeof *client, AIT_CLIENT);
    ait_buffer_init(&client->base_url, MAX_BASE_URL);
    lua_newtable(L);
    ait_compat_set_anchor(L, -2);

    read_rules(L, client);
    base_url = string_setting(L, "base_url");
    if (base_url == NULL)
        ait_core_raise_argument(L, "base_url", "is missing");
    if (ait_buffer_append_string(&client->base_url, base_url) != AIT_OK)
        ait_core_raise_argument(L, "base_url", "is too long");
    client->engine = new_engine(L);
    if (client->engine == NULL)
        ait_core_raise_no_memory(L);
    return 1;
}

static const luaL_Reg methods[] = {
    {"submit", client_submit},
    {"turn", client_turn},
    {"close", client_close},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", client_gc},
    {NULL, NULL},
};

static const luaL_Reg module[] = {
    {"new", client_new},
    {NULL, NULL},
};

void ait_client_register(lua_State *L)
{
    int tools = lua_gettop(L);

    luaL_newmetatable(L, AIT_CLIENT);
    lua_pushvalue(L, tools);
    ait_compat_set_functions(L, meta);
    lua_newtable(L);
    lua_pushvalue(L, tools);
    ait_compat_set_functions(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);

    lua_newtable(L);
    lua_pushvalue(L, tools);
    ait_compat_set_functions(L, module);
    lua_remove(L, tools);
}
