/* on_event: what a client does, told to a function of the host's, which can neither harm a call
 * nor change the client under our feet. */
#include "lua_core.h"
#include "lua_table.h"

#include "clock.h"

/* How its job ended. */
static void set_end(lua_State *L, int job)
{
    int event = lua_gettop(L);

    lua_pushboolean(L, 1);
    lua_setfield(L, event, "done");
    ait_job_push_end(L, job);
    if (lua_isnil(L, -2)) {
        lua_pushvalue(L, -1);
        lua_setfield(L, event, "error");
        lua_getfield(L, -1, "outcome");
    } else {
        lua_pushliteral(L, "made");
    }
    lua_setfield(L, event, "outcome");
    lua_settop(L, event);
}

/* (handler, event, job): runs under lua_pcall, so that whatever is raised here ends here. */
static int tell(lua_State *L)
{
    const struct ait_event *event = lua_touserdata(L, 2);
    const struct ait_job *job = event->job;

    lua_pushvalue(L, 1);
    lua_createtable(L, 0, 11);
    ait_set_string(L, "name", event->name);
    ait_set_string(L, "operation", job->operation->name);
    ait_set_integer(L, "job", job->id);
    ait_set_integer(L, "attempt", job->attempts);
    ait_set_boolean(L, "look_up", event->look_up);
    ait_set_number(L, "elapsed", ait_job_elapsed(job));
    if (event->status > 0)
        ait_set_integer(L, "status", event->status);
    ait_set_string(L, "request_id", event->request_id);
    ait_set_string(L, "failure", event->failure);
    ait_set_string(L, "reason", event->reason);
    if (event->delay_ms >= 0)
        ait_set_number(L, "delay", (lua_Number)event->delay_ms / 1000);
    if (event->ended != 0)
        set_end(L, 3);
    lua_call(L, 1, 0);
    return 0;
}

void ait_event_push_teller(lua_State *L)
{
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, tell, 1);
}

void ait_event_emit(lua_State *L, struct ait_client *client, struct ait_event event)
{
    int top = lua_gettop(L);
    bool nested = client->in_handler;

    if (!client->has_handler)
        return;
    ait_core_push_tool(L, AIT_TOOL_TELL);
    ait_compat_push_anchor(L, 1);
    lua_rawgeti(L, -1, AIT_CLIENT_HANDLER);
    lua_remove(L, -2);
    lua_pushlightuserdata(L, &event);
    if (event.ended != 0) {
        lua_pushvalue(L, event.ended);
    } else { /* it must outlive what a finalizer may do to it meanwhile */
        ait_compat_push_anchor(L, 1);
        lua_rawgeti(L, -1, event.job->id);
        lua_remove(L, -2);
    }
    client->in_handler = true;
    lua_pcall(L, 3, 0, 0);
    client->in_handler = nested;
    lua_settop(L, top);
}
