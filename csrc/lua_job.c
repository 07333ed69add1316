#include "lua_core.h"
#include "lua_table.h"

#include "clock.h"
#include <string.h>

void ait_job_push_slot(lua_State *L, int job, int slot)
{
    ait_compat_push_anchor(L, job);
    lua_rawgeti(L, -1, slot);
    lua_remove(L, -2);
}

void ait_job_drop_values(lua_State *L, int job)
{
    ait_compat_push_anchor(L, job);
    lua_pushnil(L);
    lua_rawseti(L, -2, AIT_SLOT_VALUES);
    lua_pop(L, 1);
}

/* -- requests -- */

static void check_built(lua_State *L, enum ait_status status)
{
    if (status == AIT_NO_MEMORY)
        ait_core_raise_no_memory(L);
    if (status != AIT_OK)
        ait_core_raise_argument(L, "params", "do not fit into a URL");
}

/* Appends the value on top of the stack, escaped, and pops it. */
static void append_value(lua_State *L, struct ait_request *request)
{
    const char *text;
    size_t n;

    if (lua_isboolean(L, -1)) {
        lua_pushstring(L, lua_toboolean(L, -1) ? "true" : "false");
        lua_replace(L, -2);
    }
    text = lua_tolstring(L, -1, &n);
    if (text == NULL)
        ait_core_raise_argument(L, "params", "lack what the URL needs");
    check_built(L, ait_request_append_escaped(request, text, n));
    lua_pop(L, 1);
}

/* Appends the query of those of the names, with commas between them, that have a value. */
static void append_query(lua_State *L, struct ait_request *request, const char *names,
                         const char *end, int values)
{
    const char *mark = "?";

    while (names < end) {
        size_t n = strcspn(names, ",}");

        lua_pushlstring(L, names, n);
        lua_rawget(L, values);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
        } else {
            check_built(L, ait_request_append(request, mark, 1));
            check_built(L, ait_request_append(request, names, n));
            check_built(L, ait_request_append(request, "=", 1));
            append_value(L, request);
            mark = "&";
        }
        names += n + 1;
    }
}

/* The base URL and then the template: {name} stands for the value of that name, escaped, and
 * {?a,b} for a query. */
static void build_url(lua_State *L, struct ait_request *request, const struct ait_buffer *base,
                      const char *template, int values)
{
    const char *open;

    check_built(L, ait_request_append(request, base->data, base->size));
    while ((open = strchr(template, '{')) != NULL) {
        const char *close = strchr(open, '}');

        if (close == NULL)
            break;
        check_built(L, ait_request_append(request, template, (size_t)(open - template)));
        if (open[1] == '?') {
            append_query(L, request, open + 2, close, values);
        } else {
            lua_pushlstring(L, open + 1, (size_t)(close - open - 1));
            lua_rawget(L, values);
            append_value(L, request);
        }
        template = close + 1;
    }
    check_built(L, ait_request_append(request, template, strlen(template)));
    check_built(L, ait_request_end_url(request));
}

/* Appends all values but those that go into the URL as JSON, if there are any. */
static void build_body(lua_State *L, struct ait_job *job, int values)
{
    luaL_checkstack(L, AIT_MOST_PARAMETERS + 4, "params");
    lua_settop(L, values + AIT_MOST_PARAMETERS);
    ait_params_swap_url(L, job->operation, values);
    lua_pushnil(L);
    if (lua_next(L, values) != 0) {
        lua_pop(L, 2);
        ait_json_encode(L, values, &job->request.body);
        if (job->request.secret)
            ait_json_wipe(L, job->request.body.size);
    }
    ait_params_swap_url(L, job->operation, values);
    lua_settop(L, values);
}

static void build_request(lua_State *L, struct ait_job *job, const struct ait_client *client,
                          int values)
{
    job->request.post = job->operation->post;
    job->request.repeatable = job->operation->repeatable;
    job->request.anonymous = job->operation->anonymous;
    job->request.secret = job->operation->secret;
    build_body(L, job, values);
    build_url(L, &job->request, &client->base_url, job->operation->path, values);
}

void ait_job_build_look_up(lua_State *L, struct ait_job *job, const struct ait_client *client,
                           int values)
{
    if (job->look_up.repeatable)
        return;
    ait_buffer_clear(&job->look_up.url);
    build_url(L, &job->look_up, &client->base_url, job->operation->look_up.path, values);
    job->look_up.repeatable = true;
}

/* What is known of a sending by an earlier process: that it may have left. The job at index begins
 * with what would follow then: a look-up, or its end where there is none. */
static void begin_in_doubt(lua_State *L, struct ait_job *job, const struct ait_client *client,
                           int index)
{
    const struct ait_report report = {
        .failure = AIT_FAILURE_INTERRUPTED,
        .begun = true,
        .may_retry = true,
        .retry_after_ms = -1,
    };
    struct ait_decision decision;

    job->rules.max_retries++; /* the first sending of this process */
    decision =
        ait_policy_after_sending(&job->rules, &job->history, &report, true, ait_clock_now_ms(), 0);
    if (decision.verdict != AIT_LOOK_UP) {
        ait_job_stop(job, report.failure, true);
        return;
    }
    job->looking_up = true;
    ait_job_push_slot(L, index, AIT_SLOT_VALUES);
    ait_job_build_look_up(L, job, client, lua_gettop(L));
    ait_compat_push_anchor(L, index);
    lua_createtable(L, 0, 6);
    ait_set_string(L, "failure", ait_outcome_failure_name(report.failure));
    lua_rawseti(L, -2, AIT_SLOT_FACTS);
}

struct ait_job *ait_job_new(lua_State *L, struct ait_client *client, bool in_doubt)
{
    int index = lua_gettop(L); /* below the values */
    struct ait_job *job = ait_core_new_userdata(L, sizeof *job, AIT_TOOL_JOB);
    const int anchored[] = {1, 2, index + 1}; /* in the order of the slots */
    int64_t now_ms = ait_clock_now_ms();

    lua_insert(L, index);
    ait_request_init(&job->request);
    ait_request_init(&job->look_up);
    lua_createtable(L, AIT_SLOT_SECOND, 0);
    for (int i = 0; i < 3; i++) {
        lua_pushvalue(L, anchored[i]);
        lua_rawseti(L, -2, AIT_SLOT_CLIENT + i);
    }
    ait_compat_set_anchor(L, index);

    job->operation = lua_touserdata(L, 2);
    job->rules = client->rules;
    job->rules.deadline_ms = now_ms + client->deadline_ms;
    job->rules.repeatable = job->operation->repeatable;
    job->rules.can_look_up = client->rules.can_look_up && job->operation->can_look_up;
    job->started_us = ait_clock_now_us();
    job->due_ms = now_ms;
    build_request(L, job, client, index + 1);
    if (in_doubt && !job->rules.repeatable)
        begin_in_doubt(L, job, client, index);
    lua_settop(L, index);
    return job;
}

/* -- its end -- */

lua_Number ait_job_elapsed(const struct ait_job *job)
{
    int64_t end_us = job->state == AIT_ENDED ? job->ended_us : ait_clock_now_us();

    return (lua_Number)(end_us - job->started_us) / 1e6;
}

void ait_job_end(struct ait_job *job)
{
    job->ended_us = ait_clock_now_us();
    job->state = AIT_ENDED;
    ait_request_wipe(&job->request);
    ait_request_wipe(&job->look_up);
}

void ait_job_stop(struct ait_job *job, enum ait_failure reason, bool begun)
{
    job->stopped = reason;
    job->fate = ait_policy_fate(&job->rules, &job->history, begun);
    ait_job_end(job);
}

/* -- methods -- */

static struct ait_job *check_job(lua_State *L)
{
    struct ait_job *job = ait_core_test_userdata(L, 1, AIT_TOOL_JOB);

    if (job == NULL)
        ait_core_raise_argument(L, "self", "must be a job");
    return job;
}

static int job_done(lua_State *L)
{
    lua_pushboolean(L, check_job(L)->state == AIT_ENDED);
    return 1;
}

/* Where it is, and how often its request was sent. */
static int job_state(lua_State *L)
{
    const struct ait_job *job = check_job(L);

    if (job->state == AIT_ENDED)
        lua_pushliteral(L, "done");
    else if (job->state == AIT_IN_FLIGHT)
        lua_pushliteral(L, "in flight");
    else if (job->due_ms > ait_clock_now_ms())
        lua_pushliteral(L, "waiting");
    else
        lua_pushliteral(L, "queued");
    lua_pushinteger(L, job->attempts);
    return 2;
}

/* Unlike other wrong arguments, this one is about a request that may be on its way. */
static int raise_unfinished(lua_State *L, const struct ait_job *job)
{
    bool sending = job->state == AIT_IN_FLIGHT && !job->looking_up;

    ait_core_push_argument(L, "job", "has not finished: call client:turn() until job:done()");
    ait_set_string(L, "outcome",
                   ait_outcome_fate_name(ait_policy_fate(&job->rules, &job->history, sending)));
    return lua_error(L);
}

void ait_job_push_end(lua_State *L, int index)
{
    const struct ait_job *job = lua_touserdata(L, index);

    if (job->stopped != AIT_FAILURE_NONE) {
        ait_job_push_stop(L, job);
        return;
    }
    ait_job_push_slot(L, index, AIT_SLOT_FIRST);
    ait_job_push_slot(L, index, AIT_SLOT_SECOND);
}

/* result, response; or nil, Error */
static int job_try_result(lua_State *L)
{
    const struct ait_job *job = check_job(L);

    if (job->state != AIT_ENDED)
        return raise_unfinished(L, job);
    ait_job_push_end(L, 1);
    return 2;
}

/* result, response; raises the Error */
static int job_result(lua_State *L)
{
    int n = job_try_result(L);

    return lua_isnil(L, -2) ? lua_error(L) : n;
}

static int job_cancel(lua_State *L)
{
    struct ait_job *job = check_job(L);
    struct ait_client *client;

    if (job->state == AIT_ENDED)
        return 0;
    ait_job_push_slot(L, 1, AIT_SLOT_CLIENT);
    lua_insert(L, 1);
    client = ait_client_check(L, 1);
    if (job->state != AIT_ENDED && job != client->advancing)
        ait_client_end_job(L, client, job, AIT_FAILURE_CANCELLED);
    return 0;
}

/* A finalizer of the host's that runs after this one may still use the client, which must not
 * find a job without its requests. */
static int job_gc(lua_State *L)
{
    struct ait_job *job = check_job(L);

    if (job->open) {
        struct ait_client *client;

        ait_job_push_slot(L, 1, AIT_SLOT_CLIENT);
        client = ait_client_check(L, 2);
        if (job->open)
            ait_client_stop_job(client, job, AIT_FAILURE_CLOSED);
    }
    ait_request_wipe(&job->request);
    ait_request_wipe(&job->look_up);
    return 0;
}

static int job_tostring(lua_State *L)
{
    static const char *const states[] = {"waiting", "in flight", "done"};
    const struct ait_job *job = check_job(L);

    lua_pushfstring(L, "aitronos.job: %d (%s)", job->id, states[job->state]);
    return 1;
}

static const luaL_Reg methods[] = {
    {"done", job_done},     {"state", job_state},
    {"result", job_result}, {"try_result", job_try_result},
    {"cancel", job_cancel}, {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__gc", job_gc},
    {"__tostring", job_tostring},
    {NULL, NULL},
};

void ait_job_register(lua_State *L)
{
    int tools = lua_gettop(L);

    luaL_newmetatable(L, AIT_JOB);
    lua_pushvalue(L, tools);
    ait_compat_set_functions(L, meta);
    lua_newtable(L);
    lua_pushvalue(L, tools);
    ait_compat_set_functions(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_rawseti(L, tools, AIT_TOOL_JOB);
    lua_settop(L, tools - 1);
}
