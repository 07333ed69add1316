/* From the outcome of an attempt to the policy's decision, and to what the caller gets. */
#include "lua_core.h"
#include "lua_table.h"

#include "clock.h"
#include "process.h"
#include <string.h>

/* How much older than the call an invitation must be to be told as one that existed before:
 * server and proxies may round their times. */
#define CLEARLY_OLDER_MS 10000

/* What the body of an outcome is, beside what its status says. */
enum reply { REPLY_READABLE, REPLY_NO_CONTENT, REPLY_NOT_JSON, REPLY_NOT_OBJECT, REPLY_UNEXPECTED };

static const char *const reply_names[] = {NULL, "no_content", "not_json", "not_object",
                                          "unexpected"};

const char *ait_outcome_failure_name(enum ait_failure failure)
{
    static const char *const names[] = {NULL,
#define X(constant, name) name,
                                        AIT_FAILURES(X)
#undef X
    };

    return names[failure];
}

const char *ait_outcome_fate_name(enum ait_fate fate)
{
    static const char *const names[] = {"not_sent", "rejected", "unknown"};

    return names[fate];
}

/* -- reading an outcome -- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Where the JSON begins; the size where all is blank. A body has no NUL to stop at. */
static size_t first_of_json(const struct ait_buffer *body)
{
    size_t i = 0;

    while (i < body->size && is_blank(body->data[i]))
        i++;
    return i;
}

/* Whether the object on top of the stack has the field that the row says it must have. */
static bool has_made(lua_State *L, int row)
{
    const char *made = ait_string_field(L, row, "made", NULL);
    const char *type = ait_string_field(L, row, "made_type", NULL);
    bool has;

    if (made == NULL)
        return true;
    lua_getfield(L, -1, made);
    has = strcmp(luaL_typename(L, -1), type == NULL ? "string" : type) == 0;
    lua_pop(L, 1);
    return has;
}

/* Whether the value on top of the stack is a list: empty, or with a first element. */
static bool is_list(lua_State *L)
{
    bool is;

    if (!lua_istable(L, -1))
        return false;
    lua_rawgeti(L, -1, 1);
    is = !lua_isnil(L, -1);
    lua_pop(L, 1);
    if (is)
        return true;
    lua_pushnil(L);
    if (lua_next(L, -2) == 0)
        return true;
    lua_pop(L, 2);
    return false;
}

/* What the decoded body of a success on top of the stack is; it begins with this character. A list
 * in an object takes its place. */
static enum reply check_success(lua_State *L, char first, int row)
{
    const char *list = ait_string_field(L, row, "list", NULL);

    if (list == NULL && first == '{')
        return has_made(L, row) ? REPLY_READABLE : REPLY_UNEXPECTED;
    if (list == NULL)
        return REPLY_NOT_OBJECT;
    if (first == '{') {
        lua_getfield(L, -1, list);
        lua_replace(L, -2);
    }
    return is_list(L) ? REPLY_READABLE : REPLY_UNEXPECTED;
}

static enum reply push_no_content(lua_State *L, bool success, int row)
{
    if (!success || !ait_boolean_field(L, row, "empty")) {
        lua_pushnil(L);
        return REPLY_NO_CONTENT;
    }
    lua_createtable(L, 0, 1);
    ait_set_boolean(L, "success", true);
    return REPLY_READABLE;
}

/* Pushes the decoded body, or nil, and says what it is. */
static enum reply push_body(lua_State *L, const struct ait_outcome *outcome, int row)
{
    const struct ait_buffer *body = &outcome->body;
    bool success = outcome->status >= 200 && outcome->status < 300;
    size_t first = first_of_json(body);
    enum reply reply;

    if (first == body->size)
        return push_no_content(L, success, row);
    if (!ait_json_decode(L, body->data, body->size)) {
        lua_pushnil(L);
        return REPLY_NOT_JSON;
    }
    if (success)
        reply = check_success(L, body->data[first], row);
    else
        reply = body->data[first] == '{' ? REPLY_READABLE : REPLY_NOT_OBJECT;
    if (reply == REPLY_NOT_OBJECT) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
    return reply;
}

/* The server's own lower bound for a wait: where it turned us away without saying how long, the
 * start of the next window is what its limit means. */
static int64_t asked_wait_ms(const struct ait_outcome *outcome, const struct ait_rate_limit *rate,
                             int64_t wall_ms)
{
    int64_t asked_ms = ait_headers_retry_after_ms(&outcome->headers, wall_ms);

    return asked_ms < 0 && outcome->status == 429 ? rate->reset_ms : asked_ms;
}

/* An outcome with all that was read of it. */
struct answer {
    const struct ait_outcome *outcome;
    enum reply reply;
    enum ait_finding finding; /* of a look-up */
    struct ait_rate_limit rate;
    struct ait_report report;
};

/* What a server repeats of the call's own secrets must not get into an Error, an event or a log.
 * The body of a success goes to the caller alone, as it is. */
static void mask_secrets(lua_State *L, struct ait_outcome *outcome, int row, int values)
{
    int top = lua_gettop(L);
    bool success = outcome->status >= 200 && outcome->status < 300;

    lua_getfield(L, row, "secrets");
    for (int i = 1; lua_istable(L, top + 1); i++) {
        size_t n;
        const char *secret;

        lua_rawgeti(L, top + 1, i);
        if (lua_isnil(L, -1))
            break;
        lua_rawget(L, values);
        secret = lua_tolstring(L, -1, &n);
        lua_pop(L, 1);
        if (secret == NULL || n < AIT_MIN_SECRET)
            continue;
        ait_buffer_mask(&outcome->headers.kept, secret, n);
        if (!success)
            ait_buffer_mask(&outcome->body, secret, n);
    }
    lua_settop(L, top);
}

/* Reads all but what a look-up found, and pushes the decoded body. */
static struct answer read_answer(lua_State *L, const struct ait_outcome *outcome, int row)
{
    int64_t wall_ms = ait_clock_wall_ms();
    struct answer answer = {
        .outcome = outcome,
        .reply = push_body(L, outcome, row),
        .rate = ait_headers_rate_limit(&outcome->headers, wall_ms),
    };

    answer.report = (struct ait_report){
        .failure = outcome->failure,
        .begun = outcome->begun,
        .status = outcome->status,
        .headers_whole = outcome->headers.ended,
        .readable = answer.reply == REPLY_READABLE,
        .may_retry = ait_headers_may_retry(&outcome->headers),
        .retry_after_ms = asked_wait_ms(outcome, &answer.rate, wall_ms),
    };
    return answer;
}

/* -- what the caller gets -- */

/* The same name again: its values in one, as HTTP has it. */
static void join_value(lua_State *L, const struct ait_header *header)
{
    lua_getfield(L, -1, header->name);
    lua_pushfstring(L, "%s, %s", lua_tostring(L, -1), header->value);
    lua_setfield(L, -3, header->name);
    lua_pop(L, 1);
}

static void set_headers(lua_State *L, const struct ait_headers *headers)
{
    struct ait_header header = {.name = NULL};

    lua_createtable(L, 0, (int)headers->kept_lines);
    while (ait_headers_next(headers, header.name, &header) != NULL) {
        if (ait_headers_find(headers, header.name) != header.value) {
            join_value(L, &header);
            continue;
        }
        lua_pushlstring(L, header.name, header.name_size);
        lua_pushlstring(L, header.value, header.value_size);
        lua_rawset(L, -3);
    }
    lua_setfield(L, -2, "headers");
}

static void set_rate_limit(lua_State *L, const struct ait_rate_limit *rate)
{
    lua_createtable(L, 0, 3);
    if (rate->limit >= 0)
        ait_set_integer(L, "limit", (lua_Integer)rate->limit);
    if (rate->remaining >= 0)
        ait_set_integer(L, "remaining", (lua_Integer)rate->remaining);
    if (rate->reset_ms >= 0)
        ait_set_number(L, "reset", (lua_Number)rate->reset_ms / 1000);
    lua_setfield(L, -2, "rate_limit");
}

static void push_response(lua_State *L, const struct ait_job *job, const struct answer *answer,
                          bool existing)
{
    const struct ait_outcome *outcome = answer->outcome;

    lua_createtable(L, 0, 8);
    ait_set_integer(L, "status", outcome->status);
    set_headers(L, &outcome->headers);
    ait_set_string(L, "request_id", ait_headers_request_id(&outcome->headers));
    ait_set_integer(L, "attempts", job->attempts);
    ait_set_number(L, "elapsed", ait_job_elapsed(job));
    ait_set_boolean(L, "reconciled", job->looking_up);
    ait_set_boolean(L, "existing", existing);
    set_rate_limit(L, &answer->rate);
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
    ait_set_string(L, "failure", ait_outcome_failure_name(failure));
    if (failure == AIT_FAILURE_TLS || failure == AIT_FAILURE_CERTIFICATE ||
        failure == AIT_FAILURE_CA_FILE)
        ait_set_string(L, "tls_library", ait_process_libraries());
}

/* Pushes what failure.lua needs to know of a sending that failed; the decoded body is at `body`. */
static void push_facts(lua_State *L, const struct ait_job *job, const struct ait_outcome *outcome,
                       const struct ait_report *report, enum reply reply, int body)
{
    enum ait_class class = ait_policy_classify(report);
    /* Then the status says it all, even where the rest of the answer is lost. */
    bool answered = outcome->status >= 300 && report->headers_whole;

    if (class == AIT_CLASS_MADE) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 0, 12);
    if (!answered && outcome->failure != AIT_FAILURE_NONE)
        set_failure(L, told_failure(job, outcome));
    else if (class == AIT_CLASS_MADE_REPLY_LOST)
        ait_set_string(L, "failure", reply_names[reply]);
    /* libcurl's words for what the guard did would be about us. */
    if (outcome->failure != AIT_FAILURE_NONE && outcome->failure != AIT_FAILURE_RESEND)
        ait_set_string(L, "text", outcome->text);
    if (outcome->status > 0)
        ait_set_integer(L, "status", outcome->status);
    if (outcome->status >= 300) {
        lua_pushvalue(L, body);
        lua_setfield(L, -2, "body");
    }
    ait_set_string(L, "request_id", ait_headers_request_id(&outcome->headers));
    if (report->retry_after_ms >= 0)
        ait_set_number(L, "retry_after", (lua_Number)report->retry_after_ms / 1000);
}

/* Replaces the facts on top of the stack by the Error that they make. */
static void make_error(lua_State *L, const struct ait_job *job, enum ait_fate fate, bool retryable)
{
    ait_set_string(L, "outcome", ait_outcome_fate_name(fate));
    ait_set_boolean(L, "retryable", retryable);
    ait_set_integer(L, "attempts", job->attempts);
    ait_set_number(L, "elapsed", ait_job_elapsed(job));
    ait_core_push_tool(L, AIT_TOOL_FAILURE);
    lua_insert(L, -2);
    lua_call(L, 1, 1);
}

/* -- what a look-up found -- */

/* Not tolower(): in some of the host's locales the two letters i are other ones. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_text(lua_State *L, int one, int other, const char *key, bool fold_case)
{
    size_t n, m;
    const char *a = ait_string_field(L, one, key, &n);
    const char *b = ait_string_field(L, other, key, &m);

    if (a == NULL || b == NULL || n != m)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i] && !(fold_case && lower(a[i]) == lower(b[i])))
            return false;
    }
    return true;
}

/* A 404 proves absence only in the API's own envelope: a gateway has 404s too. */
static bool says_absent(lua_State *L, const struct ait_outcome *outcome, int body)
{
    bool says = false;

    if (outcome->failure != AIT_FAILURE_NONE || outcome->status != 404 || !lua_istable(L, body))
        return false;
    lua_getfield(L, body, "error");
    if (lua_istable(L, -1))
        says = ait_string_field(L, -1, "code", NULL) != NULL;
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
    key = ait_string_field(L, -1, "key", NULL);
    if (key == NULL || !same_text(L, body, values, key, true))
        finding = AIT_FINDING_NOTHING;
    key = ait_string_field(L, -1, "same", NULL);
    if (finding == AIT_FINDING_FOUND && key != NULL &&
        ait_string_field(L, values, key, NULL) != NULL && !same_text(L, body, values, key, false))
        finding = AIT_FINDING_OTHER;
    lua_pop(L, 1);
    return finding;
}

/* Whether what was found was made clearly before this call began, by the server's own clock
 * where it tells its time. */
static bool existed_before(lua_State *L, const struct ait_job *job,
                           const struct ait_outcome *outcome, int body)
{
    const char *created = ait_string_field(L, body, "created_at", NULL);
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
    ait_job_drop_values(L, job_index);
}

/* The first sending costs nothing, also where look-ups came before it. */
static bool may_spend(const struct ait_client *client, const struct ait_job *job)
{
    return job->attempts == 0 || client->retry_tokens >= AIT_RETRY_COST;
}

static void pay(struct ait_client *client, const struct ait_job *job,
                const struct ait_decision *decision)
{
    int retries = job->attempts > 1 ? job->attempts - 1 : 0;

    if (decision->verdict == AIT_SEND && job->attempts > 0)
        client->retry_tokens -= AIT_RETRY_COST;
    else if (decision->verdict == AIT_DONE)
        client->retry_tokens += retries * AIT_RETRY_COST + 1;
    if (client->retry_tokens > AIT_RETRY_TOKENS)
        client->retry_tokens = AIT_RETRY_TOKENS;
}

static void keep_facts(lua_State *L, int job_index, int facts)
{
    ait_compat_push_anchor(L, job_index);
    lua_pushvalue(L, facts);
    lua_rawseti(L, -2, AIT_SLOT_FACTS);
}

/* Makes in Lua what the decision needs; all that may raise is here, before anything is final.
 * The indices are those of ait_job_advance. */
static void prepare(lua_State *L, const struct ait_client *client, struct ait_job *job,
                    const struct answer *answer, const struct ait_decision *decision, int job_index)
{
    int row = job_index + 1, values = job_index + 2, body = job_index + 3, facts = job_index + 4;

    switch (decision->verdict) {
    case AIT_DONE:
        lua_pushvalue(L, body);
        push_response(L, job, answer, existed_before(L, job, answer->outcome, body));
        set_end(L, job_index);
        break;
    case AIT_FAIL:
        lua_pushnil(L);
        lua_pushvalue(L, facts);
        if (job->looking_up && answer->finding == AIT_FINDING_OTHER)
            ait_set_string(L, "failure", "lookup_disagrees");
        if (answer->report.retry_after_ms >= 0)
            ait_set_number(L, "retry_after", (lua_Number)answer->report.retry_after_ms / 1000);
        make_error(L, job, decision->fate, decision->retryable);
        set_end(L, job_index);
        break;
    case AIT_LOOK_UP:
        ait_job_build_look_up(L, job, client, row, values);
        keep_facts(L, job_index, facts);
        break;
    case AIT_SEND:
        keep_facts(L, job_index, facts);
        break;
    }
}

/* Pushes the facts of the last sending and asks the policy; the stack is that of
 * ait_job_advance. */
static struct ait_decision decide(lua_State *L, const struct ait_client *client,
                                  const struct ait_job *job, struct answer *answer,
                                  struct ait_history *history, int job_index)
{
    int row = job_index + 1, values = job_index + 2, body = job_index + 3;
    const struct ait_report *report = &answer->report;
    bool may = may_spend(client, job);
    int64_t now_ms = ait_clock_now_ms();
    /* Chance costs a system call, and is for waits, which a good answer needs none of. */
    bool good = report->readable && report->status < 300 && !job->looking_up;
    double random = good ? 0 : ait_clock_random();

    if (job->looking_up) {
        answer->finding = finding_of(L, answer->outcome, answer->reply, row, values, body);
        ait_job_push_slot(L, job_index, AIT_SLOT_FACTS);
        return ait_policy_after_look_up(&job->rules, history, answer->finding, report, may, now_ms,
                                        random);
    }
    push_facts(L, job, answer->outcome, report, answer->reply, body);
    return ait_policy_after_sending(&job->rules, history, report, may, now_ms, random);
}

void ait_job_advance(lua_State *L, struct ait_client *client, struct ait_job *job,
                     struct ait_outcome *outcome)
{
    int job_index = lua_gettop(L);
    struct ait_history history = job->history;
    struct ait_decision decision;
    struct answer answer;

    luaL_checkstack(L, 16, "outcome");
    ait_job_push_slot(L, job_index, AIT_SLOT_ROW);
    ait_job_push_slot(L, job_index, AIT_SLOT_VALUES);
    mask_secrets(L, outcome, job_index + 1, job_index + 2);
    answer = read_answer(L, outcome, job_index + 1);
    decision = decide(L, client, job, &answer, &history, job_index);
    prepare(L, client, job, &answer, &decision, job_index);

    pay(client, job, &decision);
    if (outcome->status > 0)
        ait_pacer_heard(&client->pacer, outcome->status, answer.report.retry_after_ms, &answer.rate,
                        ait_clock_now_ms());
    job->history = history;
    job->looking_up = decision.verdict == AIT_LOOK_UP;
    job->due_ms = decision.at_ms;
    if (decision.verdict == AIT_DONE || decision.verdict == AIT_FAIL)
        ait_job_end(job);
    lua_settop(L, job_index);
}

void ait_job_push_stop(lua_State *L, const struct ait_job *job)
{
    lua_pushnil(L);
    lua_createtable(L, 0, 6);
    set_failure(L, job->stopped);
    if (job->retry_after_ms > 0)
        ait_set_number(L, "retry_after", (lua_Number)job->retry_after_ms / 1000);
    make_error(L, job, job->fate, job->fate != AIT_FATE_UNKNOWN);
}
