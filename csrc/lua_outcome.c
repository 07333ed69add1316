/* From an answer to the policy's decision, and to what the caller gets. */
#include "lua_core.h"
#include "lua_table.h"

#include "clock.h"
#include "process.h"
#include <string.h>

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

static void push_response(lua_State *L, const struct ait_job *job, const struct ait_answer *answer,
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
static void push_facts(lua_State *L, const struct ait_job *job, const struct ait_answer *answer,
                       int body)
{
    const struct ait_outcome *outcome = answer->outcome;
    const struct ait_report *report = &answer->report;
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
        ait_set_string(L, "failure", answer->fault);
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
                    const struct ait_answer *answer, const struct ait_decision *decision,
                    int job_index)
{
    int values = job_index + 1, body = job_index + 2, facts = job_index + 3;

    switch (decision->verdict) {
    case AIT_DONE:
        lua_pushvalue(L, body);
        push_response(L, job, answer, ait_answer_existed(L, job, answer, body));
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
        ait_job_build_look_up(L, job, client, values);
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
                                  const struct ait_job *job, struct ait_answer *answer,
                                  struct ait_history *history, int job_index)
{
    int values = job_index + 1, body = job_index + 2;
    const struct ait_report *report = &answer->report;
    bool may = may_spend(client, job);
    int64_t now_ms = ait_clock_now_ms();
    /* Chance costs a system call, and is for waits, which a good answer needs none of. */
    bool good = report->readable && report->status < 300 && !job->looking_up;
    double random = good ? 0 : ait_clock_random();

    if (job->looking_up) {
        answer->finding = ait_answer_finding(L, job->operation, answer, values, body);
        ait_job_push_slot(L, job_index, AIT_SLOT_FACTS);
        return ait_policy_after_look_up(&job->rules, history, answer->finding, report, may, now_ms,
                                        random);
    }
    push_facts(L, job, answer, body);
    return ait_policy_after_sending(&job->rules, history, report, may, now_ms, random);
}

void ait_job_advance(lua_State *L, struct ait_client *client, struct ait_job *job,
                     struct ait_outcome *outcome)
{
    int job_index = lua_gettop(L);
    struct ait_history history = job->history;
    struct ait_decision decision;
    struct ait_answer answer;

    luaL_checkstack(L, 16, "outcome");
    ait_job_push_slot(L, job_index, AIT_SLOT_VALUES);
    answer = ait_answer_read(L, job->operation, outcome, job_index + 1);
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
