/* What the files of the Lua face share. All of it runs on the thread of the host's Lua state.
 *
 * Every function of the face has one upvalue, the "tools": a table of what C calls in Lua, by
 * the AIT_TOOL_ indices. A client's anchor maps the ids of its open jobs to the jobs; a job's
 * anchor has the AIT_SLOT_ indices. So an open job lives as long as its client, and a client as
 * long as any of its jobs; all other links are ids, or pointers between the two that the same
 * anchors keep valid. */
#ifndef AIT_LUA_CORE_H
#define AIT_LUA_CORE_H

#include "check.h"
#include "compat.h"
#include "pacer.h"
#include "policy.h"
#include "pump.h"
#include "request.h"

#include <stdbool.h>
#include <stdint.h>

#define AIT_CLIENT "aitronos.core.client"
#define AIT_JOB "aitronos.job"
#define AIT_OPERATION "aitronos.core.operation"

/* The retry budget of a client: an outage must not double the load. A full one pays for 100
 * retries; a call that ends well pays back what it took, and one token more. */
#define AIT_RETRY_TOKENS 500
#define AIT_RETRY_COST 5

enum {
    AIT_TOOL_ENCODE = 1,
    AIT_TOOL_DECODE,
    AIT_TOOL_ARGUMENT,
    AIT_TOOL_CONFIG,
    AIT_TOOL_UNKNOWN_KEYS,
    AIT_TOOL_FAILURE,
    AIT_TOOL_TELL,
    AIT_TOOL_TURN,
    AIT_TOOL_CLIENT, /* the metatables of the userdata, by which they are known, too */
    AIT_TOOL_JOB,
    AIT_TOOL_OPERATION,
};

/* In a client's anchor, beside the ids of its jobs. */
#define AIT_CLIENT_HANDLER 0
#define AIT_CLIENT_LIMITER (-1)

enum {
    AIT_SLOT_CLIENT = 1,
    AIT_SLOT_OPERATION,
    AIT_SLOT_VALUES, /* the parameters */
    AIT_SLOT_FACTS,  /* of the last sending that failed */
    AIT_SLOT_FIRST,  /* what the job ended with: the result, or nil … */
    AIT_SLOT_SECOND, /* … and the response, or the Error */
};

struct ait_client {
    struct ait_pump *pump; /* NULL: closed */
    int bell;              /* once closed: its descriptor for the host, or -1 */
    struct ait_buffer base_url;
    bool has_credential;
    struct ait_rules rules; /* of its calls; the deadline is each call's own */
    int64_t timeout_ms;
    int64_t deadline_ms; /* a duration */
    struct ait_pacer pacer;
    int retry_tokens;
    int next_id;
    bool has_handler, in_handler;           /* of events */
    bool in_turn;                           /* whatever runs then must leave the client as it is */
    const struct ait_job *advancing;        /* in that turn: its answer has come */
    bool has_limiter;                       /* a rate that is not the pacer's */
    uint32_t changes;                       /* how often a job of its came, went or moved on */
    struct ait_job *open_first, *open_last; /* all open jobs, oldest first */
    struct ait_job *waiting_first, *waiting_last;
};

typedef const char *ait_text_check(const char *bytes, size_t n);

#define AIT_MOST_PARAMETERS 16

/* One name of a parameter; its other names follow it. */
struct ait_parameter {
    const char *name;
    int type;              /* as Lua has them */
    ait_text_check *check; /* of a string */
    bool first;            /* of its parameter's names */
    bool required;
    bool in_url;
    bool secret;
};

/* A row of endpoints.lua, read once. Its anchor keeps the texts; the names of the parameters are a
 * list in it. */
struct ait_operation {
    const char *name, *path;
    bool post, repeatable, anonymous;
    bool secret; /* one of the parameters is */
    bool empty;  /* a 2xx without content is an answer */
    const char *made;
    int made_type;
    const char *list;
    bool can_look_up;
    struct {
        const char *path, *key, *same;
    } look_up;
    size_t count;
    struct ait_parameter parameters[AIT_MOST_PARAMETERS];
};

enum ait_state { AIT_WAITING, AIT_IN_FLIGHT, AIT_ENDED };

struct ait_job {
    int id;
    enum ait_state state;
    bool open; /* in its client's list of open jobs */
    bool looking_up;
    enum ait_failure stopped; /* ended from outside, for this reason; its Error is made on demand */
    enum ait_fate fate;       /* and this is what is known */
    const struct ait_operation *operation;
    struct ait_request request, look_up;
    struct ait_rules rules;
    struct ait_history history;
    int attempts; /* sendings begun, the one under way included */
    int64_t started_us, ended_us;
    int64_t retry_after_ms;                          /* of a job that a pause ended; 0: none */
    enum ait_hold held;                              /* what it was last told to wait for */
    int64_t due_ms;                                  /* while waiting */
    struct ait_job *previous_open, *next_open;       /* of the client's open jobs */
    struct ait_job *previous_waiting, *next_waiting; /* of those that wait, by due_ms */
};

/* -- lua_core.c -- */

/* Pushes the tool. */
void ait_core_push_tool(lua_State *L, int tool);

/* Pushes an Error of kind argument for this field; or raises it. */
void ait_core_push_argument(lua_State *L, const char *field, const char *message);
_Noreturn void ait_core_raise_argument(lua_State *L, const char *field, const char *message);
_Noreturn void ait_core_raise_no_memory(lua_State *L);

/* A zeroed userdata with the metatable that this tool is, pushed. */
void *ait_core_new_userdata(lua_State *L, size_t size, int tool);

/* NULL where the value at index is no userdata with that metatable. */
void *ait_core_test_userdata(lua_State *L, int index, int tool);

/* -- lua_json.c -- */

/* Appends the value at index as JSON. Raises where memory runs out or the value has no JSON. */
void ait_json_encode(lua_State *L, int index, struct ait_buffer *json);

/* Overwrites what lua-cjson keeps of the n bytes that it encoded last. */
void ait_json_wipe(lua_State *L, size_t n);

/* Pushes what the JSON says, with nulls absent and whole numbers as integers, and returns true;
 * or returns false and pushes nothing where it is no JSON. Raises where memory runs out. */
bool ait_json_decode(lua_State *L, const char *json, size_t n);

/* -- lua_operation.c -- */

/* For Lua: (row) -> the operation. */
int ait_operation_new(lua_State *L);

/* The operation at index; raises an Error where it is something else. */
const struct ait_operation *ait_operation_check(lua_State *L, int index);

/* -- lua_params.c: they are read raw, so that a metatable neither runs nor counts -- */

/* Whether what the caller gave at index `given`, not a relative one, is fine for the operation at
 * index `at`. Pushes a table of it; or, if not, the list of all faults, each `{ field, message }`.
 */
bool ait_params_take(lua_State *L, int at, int given);

/* Exchanges what goes into the URL, in the table at index `values`, with the values that follow it
 * on the stack, one for each such parameter. */
void ait_params_swap_url(lua_State *L, const struct ait_operation *operation, int values);

/* For Lua: (operation, params) -> the list of all faults, or nil. */
int ait_params_check(lua_State *L);

/* -- lua_job.c -- */

/* Pushes a new job of the client at index 1, for the operation at index 2 and the values on top of
 * the stack, which are popped. in_doubt: an earlier process may have
 * sent it, so that it begins with a look-up. Raises an Error or a memory error. */
struct ait_job *ait_job_new(lua_State *L, struct ait_client *client, bool in_doubt);

/* Pushes the slot of the anchor of the job at index. */
void ait_job_push_slot(lua_State *L, int job, int slot);

/* Drops the values of the job at index, which has ended: they may hold a password. */
void ait_job_drop_values(lua_State *L, int job);

/* Builds the request of the look-up, when it is first needed: nearly every call does without.
 * The values are at this index. */
void ait_job_build_look_up(lua_State *L, struct ait_job *job, const struct ait_client *client,
                           int values);

/* Makes it an ended job, and wipes its requests. Touches no Lua. */
void ait_job_end(struct ait_job *job);

/* Seconds since its start, or that it took. */
lua_Number ait_job_elapsed(const struct ait_job *job);

/* Pushes what the ended job at this index, not a relative one, ended with: its result and the
 * response, or nil and the Error. */
void ait_job_push_end(lua_State *L, int index);

/* Ends the job from outside; begun: the request itself may have left. Touches no Lua. */
void ait_job_stop(struct ait_job *job, enum ait_failure reason, bool begun);

/* -- lua_answer.c -- */

/* An outcome, and what was read of it. */
struct ait_answer {
    const struct ait_outcome *outcome;
    const char *fault; /* what its body is, in the words of failure.lua; NULL: one of the API's */
    enum ait_finding finding; /* of a look-up */
    struct ait_rate_limit rate;
    struct ait_report report;
};

/* Reads all but what a look-up found, and pushes the decoded body or nil. The values of the call
 * are at this index: what the server repeats of its secrets is masked. */
struct ait_answer ait_answer_read(lua_State *L, const struct ait_operation *operation,
                                  struct ait_outcome *outcome, int values);

/* What a look-up found; the body is at this index. */
enum ait_finding ait_answer_finding(lua_State *L, const struct ait_operation *operation,
                                    const struct ait_answer *answer, int values, int body);

/* Whether what a look-up found was made clearly before this call began, by the server's own clock
 * where it tells its time. */
bool ait_answer_existed(lua_State *L, const struct ait_job *job, const struct ait_answer *answer,
                        int body);

/* -- lua_outcome.c -- */

/* Takes in the outcome of the job's attempt: ends it, or says when it goes on. Raises only
 * where memory runs out, with everything as it was. The job is on top of the stack. */
void ait_job_advance(lua_State *L, struct ait_client *client, struct ait_job *job,
                     struct ait_outcome *outcome);

/* Pushes nil and the Error of a job that was ended from outside. */
void ait_job_push_stop(lua_State *L, const struct ait_job *job);

const char *ait_outcome_failure_name(enum ait_failure failure);
const char *ait_outcome_fate_name(enum ait_fate fate);

/* -- lua_event.c -- */

struct ait_event {
    const char *name;
    const struct ait_job *job;
    bool look_up;           /* it is about a look-up */
    int status;             /* 0: none */
    const char *request_id; /* these may be NULL */
    const char *failure;
    const char *reason;
    int64_t delay_ms; /* -1: none */
    int ended;        /* the index of the job, where this is its last event; else 0 */
};

/* Tells the handler of the client at index 1, if it has one. Never raises; what the handler
 * raises is dropped. Everything must be in order before: it may submit and cancel jobs. */
void ait_event_emit(lua_State *L, struct ait_client *client, struct ait_event event);

/* Pushes the function that AIT_TOOL_TELL is; the tools are on top of the stack. */
void ait_event_push_teller(lua_State *L);

/* -- lua_client.c -- */

/* The client at index; raises an Error where it is something else. */
struct ait_client *ait_client_check(lua_State *L, int index);

/* -- lua_turn.c -- */

/* Takes in a new job, which waits from now on. Touches no Lua. */
void ait_client_add_job(struct ait_client *client, struct ait_job *job);

/* Drops the values of all open jobs of the client at index: they may hold a password. Cannot raise.
 */
void ait_client_drop_values(lua_State *L, const struct ait_client *client, int index);

/* Ends an open job for this reason, whatever it is doing. Touches no Lua. */
void ait_client_stop_job(struct ait_client *client, struct ait_job *job, enum ait_failure reason);

/* The same, and tells whoever waits for it and the handler of events. The client is at index 1. */
void ait_client_end_job(lua_State *L, struct ait_client *client, struct ait_job *job,
                        enum ait_failure reason);

/* In a child of fork(): ends the open jobs of the client at index, which are the parent's, and
 * makes it as new. */
void ait_client_disown(lua_State *L, struct ait_client *client, int index);

/* When there is something to do in line, and for which job: a start, or a deadline.
 * AIT_PUMP_NEVER: never. */
int64_t ait_client_next_ms(const struct ait_client *client, int64_t now_ms, uint64_t *id);

/* Does what can be done for the client at index 1, waiting at most timeout_ms for something to
 * do. Returns how many jobs ended. Raises only where memory runs out; nothing is lost then. Where
 * the pump's thread will be woken by something else, it need not be flushed. */
int ait_client_turn(lua_State *L, struct ait_client *client, int64_t timeout_ms, bool flush);

/* Pushes the function that AIT_TOOL_TURN is; the tools are on top of the stack. */
void ait_client_push_turn(lua_State *L);

/* -- registration: each pops the tools from the top of the stack -- */

void ait_operation_register(lua_State *L);
void ait_job_register(lua_State *L);

/* Also pushes the table of the module. */
void ait_client_register(lua_State *L);

#endif
