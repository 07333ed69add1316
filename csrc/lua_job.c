#include "lua_core.h"

#include "clock.h"
#include "process.h"
#include <string.h>
#include <strings.h>

/* How much older than the call an invitation must be to be told as one that existed before:
 * server and proxies may round their times. */
#define CLEARLY_OLDER_MS 10000

/* What the body of an outcome is, beside what its status says. */
enum reply {
    REPLY_READABLE,
    REPLY_NO_CONTENT,
    REPLY_NOT_JSON,
    REPLY_NOT_OBJECT,
    REPLY_LACKS_FIELD
};

static const char *const reply_names[] = {NULL, "no_content", "not_json", "not_object",
                                          "not_invitation"};

static const char *failure_name(enum ait_failure failure)
{
    static const char *const names[] = {NULL,
#define X(constant, name) name,
                                        AIT_FAILURES(X)
#undef X
    };

    return names[failure];
}

static const char *fate_name(enum ait_fate fate)
{
    static const char *const names[] = {"not_sent", "rejected", "unknown"};

    return names[fate];
}

/* -- small helpers for the table on top of the stack -- */

static void set_string(lua_State *L, const char *key, const char *value)
{
    if (value == NULL)
        return;
    lua_pushstring(L, value);
    lua_setfield(L, -2, key);
}

static void set_number(lua_State *L, const char *key, lua_Number value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, lua_Integer value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, key);
}

static void set_boolean(lua_State *L, const char *key, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, key);
}

/* The string at the field of the table at index, anchored by the table; or NULL. */
static const char *string_field(lua_State *L, int index, const char *key, size_t *n)
{
    const char *text = NULL;

    lua_getfield(L, index, key);
    if (lua_type(L, -1) == LUA_TSTRING)
        text = lua_tolstring(L, -1, n);
    lua_pop(L, 1);
    return text;
}

/* The same, for what every row of an operation must have. */
static const char *row_field(lua_State *L, int row, const char *key)
{
    const char *text = string_field(L, row, key, NULL);

    if (text == NULL)
        ait_core_raise_argument(L, "operation", "is incomplete");
    return text;
}

/* Pushes the slot of the anchor of the job at index. */
static void push_slot(lua_State *L, int job, int slot)
{
    ait_compat_push_anchor(L, job);
    lua_rawgeti(L, -1, slot);
    lua_remove(L, -2);
}

/* -- requests -- */

static void check_built(lua_State *L, enum ait_status status)
{
    if (status == AIT_NO_MEMORY)
        ait_core_raise_no_memory(L);
    if (status != AIT_OK)
        ait_core_raise_argument(L, "params", "do not fit into a URL");
}

/* The base URL and then the template, with each {name} replaced by the value of that name,
 * escaped. */
static void build_url(lua_State *L, struct ait_request *request, const struct ait_buffer *base,
                      const char *template, int values)
{
    const char *open;

    check_built(L, ait_request_append(request, base->data, base->size));
    while ((open = strchr(template, '{')) != NULL) {
        const char *close = strchr(open, '}');
        const char *text;
        size_t n;

        if (close == NULL)
            break;
        check_built(L, ait_request_append(request, template, (size_t)(open - template)));
        lua_pushlstring(L, open + 1, (size_t)(close - open - 1));
        lua_rawget(L, values);
        text = lua_tolstring(L, -1, &n);
        if (text == NULL)
            ait_core_raise_argument(L, "params", "lack what the URL needs");
        check_built(L, ait_request_append_escaped(request, text, n));
        lua_pop(L, 1);
        template = close + 1;
    }
    check_built(L, ait_request_append(request, template, strlen(template)));
    check_built(L, ait_request_end_url(request));
}

static void build_request(lua_State *L, struct ait_job *job, const struct ait_client *client)
{
    job->request.post = strcmp(row_field(L, 2, "method"), "POST") == 0;
    job->request.repeatable = job->rules.repeatable;
    build_url(L, &job->request, &client->base_url, row_field(L, 2, "path"), 3);
    if (job->request.post)
        ait_json_encode(L, 4, &job->request.body);
}

/* The look-up is built when it is first needed: nearly every call does without. */
static void build_look_up(lua_State *L, struct ait_job *job, const struct ait_client *client,
                          int row, int values)
{
    if (job->look_up.repeatable)
        return;
    ait_buffer_clear(&job->look_up.url);
    lua_getfield(L, row, "look_up");
    build_url(L, &job->look_up, &client->base_url, row_field(L, -1, "path"), values);
    job->look_up.repeatable = true;
    lua_pop(L, 1);
}

static bool has_look_up(lua_State *L)
{
    bool has;

    lua_getfield(L, 2, "look_up");
    has = lua_istable(L, -1);
    lua_pop(L, 1);
    return has;
}

static bool is_repeatable(lua_State *L)
{
    bool repeatable;

    lua_getfield(L, 2, "repeatable");
    repeatable = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return repeatable;
}

struct ait_job *ait_job_new(lua_State *L, struct ait_client *client)
{
    struct ait_job *job = ait_core_new_userdata(L, sizeof *job, AIT_JOB);
    int64_t now_ms = ait_clock_now_ms();

    ait_request_init(&job->request);
    ait_request_init(&job->look_up);
    lua_createtable(L, AIT_SLOT_SECOND, 0);
    for (int i = 0; i < 3; i++) {
        static const int slots[] = {AIT_SLOT_CLIENT, AIT_SLOT_ROW, AIT_SLOT_VALUES};

        lua_pushvalue(L, i + 1);
        lua_rawseti(L, -2, slots[i]);
    }
    ait_compat_set_anchor(L, -2);

    job->rules = client->rules;
    job->rules.deadline_ms = now_ms + client->deadline_ms;
    job->rules.repeatable = is_repeatable(L);
    job->rules.can_look_up = client->rules.can_look_up && has_look_up(L);
    job->started_us = ait_clock_now_us();
    job->due_ms = now_ms;
    build_request(L, job, client);
    return job;
}

/* -- reading an outcome -- */

/* Pushes the decoded body, or nil, and says what it is. */
static enum reply push_body(lua_State *L, const struct ait_outcome *outcome, int row)
{
    const struct ait_buffer *body = &outcome->body;
    const char *made;
    size_t space = body->size == 0 ? 0 : strspn(body->data, " \t\r\n");

    if (space >= body->size) {
        lua_pushnil(L);
        return REPLY_NO_CONTENT;
    }
    if (!ait_json_decode(L, body->data, body->size)) {
        lua_pushnil(L);
        return REPLY_NOT_JSON;
    }
    if (body->data[space] != '{') {
        lua_pop(L, 1);
        lua_pushnil(L);
        return REPLY_NOT_OBJECT;
    }
    made = string_field(L, row, "made", NULL);
    if (made != NULL && string_field(L, -1, made, NULL) == NULL)
        return REPLY_LACKS_FIELD;
    return REPLY_READABLE;
}

/* The server's own lower bound for a wait: where it turned us away without saying how long, the
 * start of the next window is what its limit means. */
static int64_t asked_wait_ms(const struct ait_outcome *outcome, int64_t wall_ms)
{
    int64_t asked_ms = ait_headers_retry_after_ms(&outcome->headers, wall_ms);

    if (asked_ms < 0 && outcome->status == 429)
        asked_ms = ait_headers_rate_limit(&outcome->headers, wall_ms).reset_ms;
    return asked_ms;
}

static struct ait_report report_of(const struct ait_outcome *outcome, enum reply reply)
{
    return (struct ait_report){
        .failure = outcome->failure,
        .begun = outcome->begun,
        .status = outcome->status,
        .headers_whole = outcome->headers.ended,
        .readable = reply == REPLY_READABLE,
        .may_retry = ait_headers_may_retry(&outcome->headers),
        .retry_after_ms = asked_wait_ms(outcome, ait_clock_wall_ms()),
    };
}

/* -- what the caller gets -- */

static void set_headers(lua_State *L, const struct ait_headers *headers)
{
    const char *name = NULL;
    const char *value;

    lua_newtable(L);
    while ((name = ait_headers_next(headers, name, &value)) != NULL) {
        lua_getfield(L, -1, name);
        if (lua_isnil(L, -1))
            lua_pushstring(L, value);
        else
            lua_pushfstring(L, "%s, %s", lua_tostring(L, -1), value);
        lua_setfield(L, -3, name);
        lua_pop(L, 1);
    }
    lua_setfield(L, -2, "headers");
}

static void set_rate_limit(lua_State *L, const struct ait_headers *headers)
{
    struct ait_rate_limit rate = ait_headers_rate_limit(headers, ait_clock_wall_ms());

    lua_newtable(L);
    if (rate.limit >= 0)
        set_integer(L, "limit", (lua_Integer)rate.limit);
    if (rate.remaining >= 0)
        set_integer(L, "remaining", (lua_Integer)rate.remaining);
    if (rate.reset_ms >= 0)
        set_number(L, "reset", (lua_Number)rate.reset_ms / 1000);
    lua_setfield(L, -2, "rate_limit");
}

static lua_Number elapsed(const struct ait_job *job)
{
    int64_t end_us = job->state == AIT_ENDED ? job->ended_us : ait_clock_now_us();

    return (lua_Number)(end_us - job->started_us) / 1e6;
}

static void push_response(lua_State *L, const struct ait_job *job,
                          const struct ait_outcome *outcome, bool existing)
{
    lua_createtable(L, 0, 8);
    set_integer(L, "status", outcome->status);
    set_headers(L, &outcome->headers);
    set_string(L, "request_id", ait_headers_request_id(&outcome->headers));
    set_integer(L, "attempts", job->attempts);
    set_number(L, "elapsed", elapsed(job));
    set_boolean(L, "reconciled", job->looking_up);
    set_boolean(L, "existing", existing);
    set_rate_limit(L, &outcome->headers);
}

/* An attempt gets no more time than its call has left: then it was the call's time that ran out. */
static enum ait_failure told_failure(const struct ait_job *job, const struct ait_outcome *outcome)
{
    bool timed_out =
        outcome->failure == AIT_FAILURE_TIMEOUT || outcome->failure == AIT_FAILURE_CONNECT_TIMEOUT;

    return timed_out && ait_clock_now_ms() >= job->rules.deadline_ms ? AIT_FAILURE_DEADLINE
                                                                     : outcome->failure;
}

static void set_failure(lua_State *L, enum ait_failure failure)
{
    set_string(L, "failure", failure_name(failure));
    if (failure == AIT_FAILURE_TLS || failure == AIT_FAILURE_CERTIFICATE ||
        failure == AIT_FAILURE_CA_FILE)
        set_string(L, "tls_library", ait_process_libraries());
}

/* Pushes what failure.lua needs to know of a sending that failed; the decoded body is at `body`. */
static void push_facts(lua_State *L, const struct ait_job *job, const struct ait_outcome *outcome,
                       const struct ait_report *report, enum reply reply, int body)
{
    enum ait_class class = ait_policy_classify(report);

    if (class == AIT_CLASS_MADE) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 0, 12);
    if (class == AIT_CLASS_REJECTED || class == AIT_CLASS_TURNED_AWAY)
        ; /* the status says it all, even where the rest of the answer is lost */
    else if (outcome->failure != AIT_FAILURE_NONE)
        set_failure(L, told_failure(job, outcome));
    else if (class == AIT_CLASS_MADE_REPLY_LOST)
        set_string(L, "failure", reply_names[reply]);
    if (outcome->failure != AIT_FAILURE_NONE && outcome->text[0] != '\0')
        set_string(L, "text", outcome->text);
    if (outcome->status > 0)
        set_integer(L, "status", outcome->status);
    if (outcome->status >= 300) {
        lua_pushvalue(L, body);
        lua_setfield(L, -2, "body");
    }
    set_string(L, "request_id", ait_headers_request_id(&outcome->headers));
    if (report->retry_after_ms >= 0)
        set_number(L, "retry_after", (lua_Number)report->retry_after_ms / 1000);
}

/* Replaces the facts on top of the stack by the Error that they make. */
static void make_error(lua_State *L, const struct ait_job *job, enum ait_fate fate, bool retryable)
{
    set_string(L, "outcome", fate_name(fate));
    set_boolean(L, "retryable", retryable);
    set_integer(L, "attempts", job->attempts);
    set_number(L, "elapsed", elapsed(job));
    ait_core_push_tool(L, AIT_TOOL_FAILURE);
    lua_insert(L, -2);
    lua_call(L, 1, 1);
}

/* -- what a look-up found -- */

static bool same_text(lua_State *L, int one, int other, const char *key, bool fold_case)
{
    size_t n, m;
    const char *a = string_field(L, one, key, &n);
    const char *b = string_field(L, other, key, &m);

    if (a == NULL || b == NULL || n != m)
        return false;
    return fold_case ? strncasecmp(a, b, n) == 0 : memcmp(a, b, n) == 0;
}

/* A 404 proves absence only in the API's own envelope: a gateway has 404s too. */
static bool says_absent(lua_State *L, const struct ait_outcome *outcome, int body)
{
    bool says = false;

    if (outcome->failure != AIT_FAILURE_NONE || outcome->status != 404 || !lua_istable(L, body))
        return false;
    lua_getfield(L, body, "error");
    if (lua_istable(L, -1))
        says = string_field(L, -1, "code", NULL) != NULL;
    lua_pop(L, 1);
    return says;
}

static enum ait_finding finding_of(lua_State *L, const struct ait_outcome *outcome,
                                   enum reply reply, int row, int values, int body)
{
    const char *key;
    enum ait_finding finding = AIT_FINDING_FOUND;

    if (says_absent(L, outcome, body))
        return AIT_FINDING_ABSENT;
    if (outcome->failure != AIT_FAILURE_NONE || outcome->status != 200 || reply != REPLY_READABLE)
        return AIT_FINDING_NOTHING;
    lua_getfield(L, row, "look_up");
    key = string_field(L, -1, "key", NULL);
    if (key == NULL || !same_text(L, body, values, key, true))
        finding = AIT_FINDING_NOTHING;
    key = string_field(L, -1, "same", NULL);
    if (finding == AIT_FINDING_FOUND && key != NULL && string_field(L, values, key, NULL) != NULL &&
        !same_text(L, body, values, key, false))
        finding = AIT_FINDING_OTHER;
    lua_pop(L, 1);
    return finding;
}

/* Whether what was found was made clearly before this call began, by the server's own clock
 * where it tells its time. */
static bool existed_before(lua_State *L, const struct ait_job *job,
                           const struct ait_outcome *outcome, int body)
{
    const char *created = string_field(L, body, "created_at", NULL);
    const char *date = ait_headers_find(&outcome->headers, "date");
    int64_t created_ms, now_ms;

    if (!job->looking_up || created == NULL || !ait_headers_parse_date(created, &created_ms))
        return false;
    if (date == NULL || !ait_headers_parse_date(date, &now_ms))
        now_ms = ait_clock_wall_ms();
    int64_t call_ms = (ait_clock_now_us() - job->started_us) / 1000;
    return created_ms < now_ms - call_ms - CLEARLY_OLDER_MS;
}

/* -- advancing -- */

/* Stores the two values on top of the stack as what the job ended with. */
static void set_end(lua_State *L, int job_index)
{
    ait_compat_push_anchor(L, job_index);
    lua_insert(L, -3);
    lua_rawseti(L, -3, AIT_SLOT_SECOND);
    lua_rawseti(L, -2, AIT_SLOT_FIRST);
    lua_pop(L, 1);
}

static void end(struct ait_job *job)
{
    job->ended_us = ait_clock_now_us();
    job->state = AIT_ENDED;
    ait_request_wipe(&job->request);
    ait_request_wipe(&job->look_up);
}

static void pay(struct ait_client *client, const struct ait_history *history,
                const struct ait_decision *decision)
{
    if (decision->verdict == AIT_SEND)
        client->retry_tokens -= AIT_RETRY_COST;
    else if (decision->verdict == AIT_DONE)
        client->retry_tokens += history->retries * AIT_RETRY_COST + 1;
    if (client->retry_tokens > AIT_RETRY_TOKENS)
        client->retry_tokens = AIT_RETRY_TOKENS;
}

/* Makes in Lua what the decision needs; all that may raise is here, before anything is final.
 * The indices are those of ait_job_advance. */
static void prepare(lua_State *L, const struct ait_client *client, struct ait_job *job,
                    const struct ait_outcome *outcome, const struct ait_decision *decision,
                    enum ait_finding finding, int job_index)
{
    int row = job_index + 1, values = job_index + 2, body = job_index + 3, facts = job_index + 4;

    switch (decision->verdict) {
    case AIT_DONE:
        lua_pushvalue(L, body);
        push_response(L, job, outcome, existed_before(L, job, outcome, body));
        set_end(L, job_index);
        break;
    case AIT_FAIL:
        lua_pushnil(L);
        lua_pushvalue(L, facts);
        if (finding == AIT_FINDING_OTHER)
            set_string(L, "failure", "lookup_disagrees");
        make_error(L, job, decision->fate, decision->retryable);
        set_end(L, job_index);
        break;
    case AIT_LOOK_UP:
        build_look_up(L, job, client, row, values);
        break;
    case AIT_SEND:
        break;
    }
    ait_compat_push_anchor(L, job_index);
    lua_pushvalue(L, facts);
    lua_rawseti(L, -2, AIT_SLOT_FACTS);
}

void ait_job_advance(lua_State *L, struct ait_client *client, struct ait_job *job,
                     const struct ait_outcome *outcome)
{
    int job_index = lua_gettop(L);
    struct ait_history history = job->history;
    bool may_spend = client->retry_tokens >= AIT_RETRY_COST;
    int64_t now_ms = ait_clock_now_ms();
    enum ait_finding finding = AIT_FINDING_FOUND;
    struct ait_decision decision;
    enum reply reply;

    luaL_checkstack(L, 16, "outcome");
    push_slot(L, job_index, AIT_SLOT_ROW);
    push_slot(L, job_index, AIT_SLOT_VALUES);
    reply = push_body(L, outcome, job_index + 1);
    struct ait_report report = report_of(outcome, reply);
    if (job->looking_up) {
        finding = finding_of(L, outcome, reply, job_index + 1, job_index + 2, job_index + 3);
        push_slot(L, job_index, AIT_SLOT_FACTS);
        decision = ait_policy_after_look_up(&job->rules, &history, finding, &report, may_spend,
                                            now_ms, ait_clock_random());
    } else {
        push_facts(L, job, outcome, &report, reply, job_index + 3);
        decision = ait_policy_after_sending(&job->rules, &history, &report, may_spend, now_ms,
                                            ait_clock_random());
    }
    prepare(L, client, job, outcome, &decision, finding, job_index);

    pay(client, &history, &decision);
    job->history = history;
    job->looking_up = decision.verdict == AIT_LOOK_UP;
    job->due_ms = decision.at_ms;
    if (decision.verdict == AIT_DONE || decision.verdict == AIT_FAIL)
        end(job);
    lua_settop(L, job_index);
}

void ait_job_stop(struct ait_job *job, enum ait_failure reason, bool begun)
{
    job->stopped = reason;
    job->fate = ait_policy_fate(&job->history, begun);
    end(job);
}

/* -- methods -- */

static struct ait_job *check_job(lua_State *L)
{
    struct ait_job *job = ait_compat_test_userdata(L, 1, AIT_JOB);

    if (job == NULL)
        ait_core_raise_argument(L, "self", "must be a job");
    return job;
}

static int job_done(lua_State *L)
{
    lua_pushboolean(L, check_job(L)->state == AIT_ENDED);
    return 1;
}

static int push_stop(lua_State *L, const struct ait_job *job)
{
    lua_pushnil(L);
    lua_createtable(L, 0, 6);
    set_string(L, "failure", failure_name(job->stopped));
    make_error(L, job, job->fate, job->fate != AIT_FATE_UNKNOWN);
    return 2;
}

/* result, response; or nil, Error */
static int job_try_result(lua_State *L)
{
    const struct ait_job *job = check_job(L);

    if (job->state != AIT_ENDED)
        ait_core_raise_argument(L, "job",
                                "has not finished: call client:turn() until "
                                "job:done()");
    if (job->stopped != AIT_FAILURE_NONE)
        return push_stop(L, job);
    push_slot(L, 1, AIT_SLOT_FIRST);
    push_slot(L, 1, AIT_SLOT_SECOND);
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

    if (job->state == AIT_ENDED)
        return 0;
    push_slot(L, 1, AIT_SLOT_CLIENT);
    ait_compat_push_anchor(L, -1);
    ait_client_stop_job(ait_client_check(L, -2), job, AIT_FAILURE_CANCELLED);
    lua_pushnil(L);
    lua_rawseti(L, -2, job->id);
    return 0;
}

static int job_gc(lua_State *L)
{
    struct ait_job *job = check_job(L);

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
    {"done", job_done},     {"result", job_result}, {"try_result", job_try_result},
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
    lua_settop(L, tools - 1);
}
