/* Reads an answer: what its body and its headers say, and what a look-up found. */
#include "lua_core.h"
#include "lua_table.h"

#include "clock.h"
#include <string.h>

/* How much older than the call an invitation must be to be told as one that existed before:
 * server and proxies may round their times. */
#define CLEARLY_OLDER_MS 10000

/* What a body is where it is no answer of the API, in the words of failure.lua. */
static const char no_content[] = "no_content", not_json[] = "not_json", not_object[] = "not_object",
                  unexpected[] = "unexpected";

/* -- the body: what is wrong with it, or NULL -- */

static bool is_success(const struct ait_outcome *outcome)
{
    return outcome->status >= 200 && outcome->status < 300;
}

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

/* Whether the object on top of the stack has the field that it must have. */
static bool has_made(lua_State *L, const struct ait_operation *operation)
{
    bool has;

    if (operation->made == NULL)
        return true;
    lua_getfield(L, -1, operation->made);
    has = lua_type(L, -1) == operation->made_type;
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

/* For the decoded body of a success on top of the stack, which begins with this character. A list
 * in an object takes its place. */
static const char *check_success(lua_State *L, char first, const struct ait_operation *operation)
{
    if (operation->list == NULL && first == '{')
        return has_made(L, operation) ? NULL : unexpected;
    if (operation->list == NULL)
        return not_object;
    if (first == '{') {
        lua_getfield(L, -1, operation->list);
        lua_replace(L, -2);
    }
    return is_list(L) ? NULL : unexpected;
}

static const char *push_no_content(lua_State *L, bool success,
                                   const struct ait_operation *operation)
{
    if (!success || !operation->empty) {
        lua_pushnil(L);
        return no_content;
    }
    lua_createtable(L, 0, 1);
    ait_set_boolean(L, "success", true);
    return NULL;
}

/* Pushes the decoded body, or nil. */
static const char *push_body(lua_State *L, const struct ait_outcome *outcome,
                             const struct ait_operation *operation)
{
    const struct ait_buffer *body = &outcome->body;
    size_t first = first_of_json(body);
    const char *fault;

    if (first == body->size)
        return push_no_content(L, is_success(outcome), operation);
    if (!ait_json_decode(L, body->data, body->size)) {
        lua_pushnil(L);
        return not_json;
    }
    if (is_success(outcome))
        fault = check_success(L, body->data[first], operation);
    else
        fault = body->data[first] == '{' ? NULL : not_object;
    if (fault == not_object) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
    return fault;
}

/* -- all of it -- */

/* The server's own lower bound for a wait: where it turned us away without saying how long, the
 * start of the next window is what its limit means. */
static int64_t asked_wait_ms(const struct ait_outcome *outcome, const struct ait_rate_limit *rate,
                             int64_t wall_ms)
{
    int64_t asked_ms = ait_headers_retry_after_ms(&outcome->headers, wall_ms);

    return asked_ms < 0 && outcome->status == 429 ? rate->reset_ms : asked_ms;
}

/* Masks what the server repeats of the call's own secrets. */
static void mask_secrets(lua_State *L, const struct ait_operation *operation,
                         struct ait_outcome *outcome, int values)
{
    for (size_t i = 0; operation->secret && i < operation->count; i++) {
        const char *secret = NULL;
        size_t n = 0;

        if (operation->parameters[i].secret)
            secret = ait_string_field(L, values, operation->parameters[i].name, &n);
        if (secret != NULL && n >= AIT_MIN_SECRET)
            ait_outcome_mask(outcome, secret, n);
    }
}

struct ait_answer ait_answer_read(lua_State *L, const struct ait_operation *operation,
                                  struct ait_outcome *outcome, int values)
{
    int64_t wall_ms = ait_clock_wall_ms();
    struct ait_answer answer = {.outcome = outcome};

    mask_secrets(L, operation, outcome, values);
    answer.fault = push_body(L, outcome, operation);
    answer.rate = ait_headers_rate_limit(&outcome->headers, wall_ms);
    answer.report = (struct ait_report){
        .failure = outcome->failure,
        .begun = outcome->begun,
        .status = outcome->status,
        .headers_whole = outcome->headers.ended,
        .readable = answer.fault == NULL,
        .may_retry = ait_headers_may_retry(&outcome->headers),
        .retry_after_ms = asked_wait_ms(outcome, &answer.rate, wall_ms),
    };
    return answer;
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

enum ait_finding ait_answer_finding(lua_State *L, const struct ait_operation *operation,
                                    const struct ait_answer *answer, int values, int body)
{
    const char *same = operation->look_up.same;

    if (says_absent(L, answer->outcome, body))
        return AIT_FINDING_ABSENT;
    if (answer->outcome->failure != AIT_FAILURE_NONE || answer->outcome->status != 200 ||
        answer->fault != NULL || !same_text(L, body, values, operation->look_up.key, true))
        return AIT_FINDING_NOTHING;
    if (ait_string_field(L, values, same, NULL) != NULL && !same_text(L, body, values, same, false))
        return AIT_FINDING_OTHER;
    return AIT_FINDING_FOUND;
}

bool ait_answer_existed(lua_State *L, const struct ait_job *job, const struct ait_answer *answer,
                        int body)
{
    const char *created, *date;
    int64_t created_ms, now_ms, call_ms;

    if (!job->looking_up)
        return false;
    created = ait_string_field(L, body, "created_at", NULL);
    if (created == NULL || !ait_headers_parse_date(created, &created_ms))
        return false;
    date = ait_headers_find(&answer->outcome->headers, "date");
    if (date == NULL || !ait_headers_parse_date(date, &now_ms))
        now_ms = ait_clock_wall_ms();
    call_ms = (ait_clock_now_us() - job->started_us) / 1000;
    return created_ms < now_ms - call_ms - CLEARLY_OLDER_MS;
}
