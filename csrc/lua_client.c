#include "lua_core.h"

#include "clock.h"
#include "transfer.h"
#include "waiters.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_BASE_URL ((size_t)4096)
#define MAX_TURN_S 3600.0
#define MOST_CONNECTIONS 10000 /* whatever the concurrency, which may change */
#define IN_HANDLER "may submit and cancel jobs, but not wait or close"

struct ait_client *ait_client_check(lua_State *L, int index)
{
    struct ait_client *client = ait_core_test_userdata(L, index, AIT_TOOL_CLIENT);

    if (client == NULL)
        ait_core_raise_argument(L, "self", "must be a client");
    else if (client->pump != NULL && ait_pump_forked(client->pump))
        ait_client_disown(L, client, index);
    return client;
}

/* -- methods -- */

static int push_refusal(lua_State *L, const char *message, const char *code)
{
    ait_core_push_tool(L, AIT_TOOL_CONFIG);
    lua_pushstring(L, message);
    lua_pushnil(L);
    lua_pushstring(L, code);
    lua_call(L, 3, 1);
    return 1;
}

static int refuse_closed(lua_State *L)
{
    return push_refusal(L, "the client is closed", "CLIENT_CLOSED");
}

/* The client at index 1, which must be open. */
static struct ait_client *check_open(lua_State *L)
{
    struct ait_client *client = ait_client_check(L, 1);

    if (client->pump == NULL) {
        refuse_closed(L);
        lua_error(L);
    }
    return client;
}

/* (client, operation, params, waits, in_doubt) -> job; or nil and an Error where the params are
 * wrong, the client is closed, the caller means to wait for the job and cannot, or nobody can tell
 * whether an earlier process has done it. Nothing is sent before the next turn. */
static int client_submit(lua_State *L)
{
    struct ait_client *client = ait_client_check(L, 1);
    bool waits = lua_toboolean(L, 4), in_doubt = lua_toboolean(L, 5);
    const struct ait_operation *operation;
    struct ait_job *job;

    operation = ait_operation_check(L, 2);
    lua_settop(L, 3);
    if (!ait_params_take(L, 2, 3)) {
        ait_core_push_tool(L, AIT_TOOL_ARGUMENT);
        lua_insert(L, -2);
        lua_call(L, 1, 1);
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (client->pump == NULL) {
        lua_pushnil(L);
        return 1 + refuse_closed(L);
    }
    if (!client->has_credential && !operation->anonymous) {
        lua_pushnil(L);
        return 1 + push_refusal(L, "the client was made without a credential, which this needs",
                                "NO_CREDENTIAL");
    }
    if ((client->in_handler || client->in_turn) && waits) {
        lua_pushnil(L);
        ait_core_push_argument(L, "on_event", IN_HANDLER);
        return 2;
    }
    job = ait_job_new(L, client, in_doubt);
    if (job->state == AIT_ENDED) {
        ait_job_push_stop(L, job);
        return 2;
    }
    job->id = client->next_id;
    client->next_id = client->next_id == INT32_MAX ? 1 : client->next_id + 1;

    ait_compat_push_anchor(L, 1);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, job->id);
    if (client->pump == NULL) { /* a finalizer of the host's has closed it meanwhile */
        lua_pushnil(L);
        lua_rawseti(L, -2, job->id);
        lua_pushnil(L);
        return 1 + refuse_closed(L);
    }
    lua_pop(L, 1);

    ait_client_add_job(client, job);
    ait_pump_stir(client->pump);
    return 1;
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

/* A handler sees the client in the middle of a turn, and so may a finalizer of the host's. */
static void refuse_in_handler(lua_State *L, const struct ait_client *client)
{
    if (client->in_handler || client->in_turn)
        ait_core_raise_argument(L, "on_event", IN_HANDLER);
}

/* Whether a turn is under way, or a handler of events called. */
static int client_in_turn(lua_State *L)
{
    const struct ait_client *client = ait_client_check(L, 1);

    lua_pushboolean(L, client->in_turn || client->in_handler);
    return 1;
}

/* A number that is another one after any job came, went or moved on. */
static int client_changes(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)ait_client_check(L, 1)->changes);
    return 1;
}

/* (client, n): so many requests may be in flight from now on. */
static int client_concurrency(lua_State *L)
{
    struct ait_client *client = ait_client_check(L, 1);

    client->pacer.concurrency = (int)luaL_checkinteger(L, 2);
    return 0;
}

/* (client, timeout) -> how many jobs ended. */
static int client_turn(lua_State *L)
{
    struct ait_client *client = check_open(L);
    int64_t timeout_ms = checked_timeout_ms(L, 2);
    int ended;

    refuse_in_handler(L, client);
    ended = ait_client_turn(L, client, timeout_ms, true);
    lua_pushinteger(L, ended);
    return 1;
}

static int raise_no_resources(lua_State *L)
{
    push_refusal(L, "no thread or no descriptor is to be had", "NO_RESOURCES");
    return lua_error(L);
}

/* (client) -> a descriptor that is readable when there is something to do. */
static int client_fd(lua_State *L)
{
    struct ait_client *client = check_open(L);
    int fd;

    refuse_in_handler(L, client);
    fd = ait_pump_fd(client->pump);
    if (fd < 0)
        return raise_no_resources(L);
    lua_pushinteger(L, fd);
    return 1;
}

/* (client) -> seconds until a turn is needed in any case, or nil. */
static int client_timeout(lua_State *L)
{
    struct ait_client *client = check_open(L);
    int64_t now_ms = ait_clock_now_ms();
    uint64_t id;
    int64_t next_ms = ait_client_next_ms(client, now_ms, &id);

    if (client->pacer.in_flight > 0 && !ait_pump_runs(client->pump))
        next_ms = now_ms; /* nobody but the turn moves them */
    if (next_ms == AIT_PUMP_NEVER)
        lua_pushnil(L);
    else
        lua_pushnumber(L, next_ms > now_ms ? (lua_Number)(next_ms - now_ms) / 1000 : 0);
    return 1;
}

/* The id of the job at index, or what stands for all where there is nil. */
static uint64_t checked_job_id(lua_State *L, int index)
{
    const struct ait_job *job;

    if (lua_isnoneornil(L, index))
        return AIT_WAITER_ANY;
    job = ait_core_test_userdata(L, index, AIT_TOOL_JOB);
    if (job == NULL)
        ait_core_raise_argument(L, "job", "must be a job");
    else
        return (uint64_t)job->id;
}

/* Whether the client at index 1 has an open job with this id. */
static bool is_open(lua_State *L, uint64_t id)
{
    bool open;

    if (id == AIT_WAITER_ANY)
        return false;
    ait_compat_push_anchor(L, 1);
    lua_rawgeti(L, -1, (int)id);
    open = lua_isuserdata(L, -1);
    lua_pop(L, 2);
    return open;
}

/* (client, job or nil) -> where to connect to, what to send there, and a name for the pool of such
 * connections: see waiters.h. Without a job: for the jobs that nobody waits for. A turn is part of
 * it, since what it hands to the pump's thread is seen when the message comes. */
static int client_bell(lua_State *L)
{
    struct ait_client *client = check_open(L);
    struct ait_message message = {.id = checked_job_id(L, 2)};
    uint64_t serial;
    char pool[32];
    int fd;

    refuse_in_handler(L, client);
    fd = ait_pump_listen(client->pump, &serial);
    if (fd < 0)
        return raise_no_resources(L);
    ait_client_turn(L, client, 0, false);
    if (!is_open(L, message.id))
        ait_pump_flush(client->pump);             /* no message need come */
    message.epoch = ait_pump_epoch(client->pump); /* before what may run finalizers */
    lua_pushfstring(L, "unix:/proc/self/fd/%d", fd);
    lua_pushlstring(L, (const char *)&message, sizeof message);
    snprintf(pool, sizeof pool, "aitronos:%" PRIx64, serial);
    lua_pushstring(L, pool);
    return 3;
}

/* Ends every open job, closes the connections, wipes the key. */
static void shut(struct ait_client *client)
{
    while (client->open_first != NULL)
        ait_client_stop_job(client, client->open_first, AIT_FAILURE_CLOSED);
    if (client->pump != NULL)
        client->bell = ait_pump_close(client->pump);
    client->pump = NULL;
}

/* Closing twice is fine. */
static int client_close(lua_State *L)
{
    struct ait_client *client = ait_client_check(L, 1);

    refuse_in_handler(L, client);
    ait_client_drop_values(L, client, 1);
    shut(client);
    return 0;
}

/* A finalizer of the host's may run after this one and still use a job. */
static int client_gc(lua_State *L)
{
    struct ait_client *client = ait_client_check(L, 1);

    shut(client);
    if (client->bell >= 0)
        close(client->bell);
    client->bell = -1;
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
    ait_pacer_init(&client->pacer, (int)number_setting(L, "concurrency"), number_setting(L, "rate"),
                   number_setting(L, "burst"), ait_clock_now_ms());
    client->retry_tokens = AIT_RETRY_TOKENS;
    client->next_id = 1;
}

/* Plain HTTP goes to this machine only: a proxy that the environment names for others would be
 * sent the key in the clear. */
static const char *proxy_setting(lua_State *L)
{
    const char *proxy = string_setting(L, "proxy");
    const char *base_url = string_setting(L, "base_url");

    if (proxy == NULL && base_url != NULL && strncmp(base_url, "http:", 5) == 0)
        return "";
    return proxy;
}

static struct ait_pump *new_pump(lua_State *L, struct ait_client *client)
{
    const char *token = string_setting(L, "bearer_token");
    struct ait_settings settings = {
        .user_agent = string_setting(L, "user_agent"),
        .secret = token != NULL ? token : string_setting(L, "api_key"),
        .bearer = token != NULL,
        .proxy = proxy_setting(L),
        .ca_file = string_setting(L, "ca_file"),
        .ca_path = string_setting(L, "ca_path"),
        .connect_timeout_ms = ms_setting(L, "connect_timeout"),
        .max_response_bytes = (size_t)number_setting(L, "max_response_bytes"),
        .connections = MOST_CONNECTIONS,
        .http2 = boolean_setting(L, "http2"),
    };
    struct ait_pump *pump;

    client->has_credential = settings.secret != NULL;
    settings.headers = push_headers(L);
    pump = ait_pump_new(&settings);
    lua_pop(L, 1);
    return pump;
}

/* core.new(settings): settings as options.lua returns them. */
static int client_new(lua_State *L)
{
    struct ait_client *client;
    const char *base_url;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    client = ait_core_new_userdata(L, sizeof *client, AIT_TOOL_CLIENT);
    client->bell = -1;
    ait_buffer_init(&client->base_url, MAX_BASE_URL);
    lua_newtable(L);
    lua_getfield(L, 1, "on_event");
    client->has_handler = lua_isfunction(L, -1);
    lua_rawseti(L, -2, AIT_CLIENT_HANDLER);
    lua_getfield(L, 1, "limiter");
    client->has_limiter = lua_isfunction(L, -1);
    lua_rawseti(L, -2, AIT_CLIENT_LIMITER);
    ait_compat_set_anchor(L, -2);

    read_rules(L, client);
    base_url = string_setting(L, "base_url");
    if (base_url == NULL)
        ait_core_raise_argument(L, "base_url", "is missing");
    if (ait_buffer_append_string(&client->base_url, base_url) != AIT_OK)
        ait_core_raise_argument(L, "base_url", "is too long");
    client->pump = new_pump(L, client);
    if (client->pump == NULL)
        ait_core_raise_no_memory(L);
    return 1;
}

static const luaL_Reg methods[] = {
    {"submit", client_submit},
    {"in_turn", client_in_turn},
    {"concurrency", client_concurrency},
    {"turn", client_turn},
    {"fd", client_fd},
    {"timeout", client_timeout},
    {"bell", client_bell},
    {"close", client_close},
    {"changes", client_changes},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", client_gc},
    {NULL, NULL},
};

static const luaL_Reg module[] = {
    {"new", client_new},
    {"operation", ait_operation_new},
    {"check", ait_params_check},
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
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_rawseti(L, tools, AIT_TOOL_CLIENT);

    lua_newtable(L);
    lua_pushvalue(L, tools);
    ait_compat_set_functions(L, module);
    lua_remove(L, tools);
}
