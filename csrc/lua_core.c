#include "lua_core.h"

#include "process.h"
#include "signals.h"
#include <stdlib.h>
#include <string.h>

#define JSON_MAX_DEPTH 100

void ait_core_push_tool(lua_State *L, int tool)
{
    lua_rawgeti(L, lua_upvalueindex(1), tool);
}

void ait_core_push_argument(lua_State *L, const char *field, const char *message)
{
    ait_core_push_tool(L, AIT_TOOL_ARGUMENT);
    lua_createtable(L, 1, 0);
    lua_createtable(L, 0, 2);
    lua_pushstring(L, field);
    lua_setfield(L, -2, "field");
    lua_pushstring(L, message);
    lua_setfield(L, -2, "message");
    lua_rawseti(L, -2, 1);
    lua_call(L, 1, 1);
}

_Noreturn void ait_core_raise_argument(lua_State *L, const char *field, const char *message)
{
    ait_core_push_argument(L, field, message);
    lua_error(L);
    abort(); /* lua_error does not return, but its declaration does not say so */
}

_Noreturn void ait_core_raise_no_memory(lua_State *L)
{
    luaL_error(L, "not enough memory");
    abort();
}

void *ait_core_new_userdata(lua_State *L, size_t size, int tool)
{
    void *userdata = ait_compat_new_userdata(L, size);

    memset(userdata, 0, size);
    ait_core_push_tool(L, tool);
    lua_setmetatable(L, -2);
    return userdata;
}

void *ait_core_test_userdata(lua_State *L, int index, int tool)
{
    void *userdata = lua_touserdata(L, index);
    bool same;

    if (userdata == NULL || !lua_getmetatable(L, index))
        return NULL;
    ait_core_push_tool(L, tool);
    same = lua_topointer(L, -1) == lua_topointer(L, -2);
    lua_pop(L, 2);
    return same ? userdata : NULL;
}

/* Pushes what require(name) returns. */
static void push_module(lua_State *L, const char *name)
{
    lua_getglobal(L, "require");
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
}

/* Takes the function `name` of the table on top as a tool of the table below it. */
static void take_tool(lua_State *L, int tool, const char *name)
{
    lua_getfield(L, -1, name);
    lua_rawseti(L, -3, tool);
}

static void configure_json(lua_State *L, const char *setting, int value)
{
    lua_getfield(L, -1, setting);
    if (value < 0)
        lua_pushboolean(L, 0);
    else
        lua_pushinteger(L, value);
    lua_call(L, 1, 0);
}

static void push_tools(lua_State *L)
{
    lua_createtable(L, AIT_TOOL_OPERATION, 0);
    ait_event_push_teller(L);
    lua_rawseti(L, -2, AIT_TOOL_TELL);
    ait_client_push_turn(L);
    lua_rawseti(L, -2, AIT_TOOL_TURN);

    /* An instance of our own, since lua-cjson's settings are those of all who share one. */
    push_module(L, "cjson");
    lua_getfield(L, -1, "new");
    lua_call(L, 0, 1);
    lua_replace(L, -2);
    configure_json(L, "decode_max_depth", JSON_MAX_DEPTH);
    configure_json(L, "decode_invalid_numbers", -1);
    take_tool(L, AIT_TOOL_ENCODE, "encode");
    take_tool(L, AIT_TOOL_DECODE, "decode");
    lua_pop(L, 1);

    push_module(L, "aitronos.error");
    take_tool(L, AIT_TOOL_ARGUMENT, "argument");
    take_tool(L, AIT_TOOL_CONFIG, "config");
    take_tool(L, AIT_TOOL_UNKNOWN_KEYS, "unknown_keys");
    lua_pop(L, 1);

    push_module(L, "aitronos.failure");
    take_tool(L, AIT_TOOL_FAILURE, "error");
    lua_pop(L, 1);
}

/* (number, restarts): see signals.h; restarts nil: it is watched no longer. */
static int watch_signal(lua_State *L)
{
    int number = (int)luaL_checkinteger(L, 1);
    bool done = lua_isnoneornil(L, 2) ? ait_signals_forget(number)
                                      : ait_signals_watch(number, lua_toboolean(L, 2));

    lua_pushboolean(L, done);
    return 1;
}

/* (number) -> how often the signal came. */
static int signal_count(lua_State *L)
{
    lua_pushinteger(L, ait_signals_count((int)luaL_checkinteger(L, 1)));
    return 1;
}

__attribute__((visibility("default"))) int luaopen_aitronos_core(lua_State *L);

/* The module table: what lua_client.c registers, `libraries`, and signals for the command. */
int luaopen_aitronos_core(lua_State *L)
{
    const char *refusal = ait_process_start();

    if (refusal != NULL)
        return luaL_error(L, "aitronos: %s", refusal);
    push_tools(L);
    lua_pushvalue(L, -1);
    ait_operation_register(L);
    lua_pushvalue(L, -1);
    ait_job_register(L);
    ait_client_register(L);
    lua_pushstring(L, ait_process_libraries());
    lua_setfield(L, -2, "libraries");
    lua_pushcfunction(L, watch_signal);
    lua_setfield(L, -2, "watch_signal");
    lua_pushcfunction(L, signal_count);
    lua_setfield(L, -2, "signal_count");
    return 1;
}
