/* The Lua API that all of 5.1, LuaJIT, 5.3 and 5.4 can be given: the only place that asks which
 * one it is. One binary serves 5.1 and LuaJIT, so that nothing here may lean on what LuaJIT has
 * and 5.1 lacks. */
#ifndef AIT_COMPAT_H
#define AIT_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

#include <math.h>
#include <stddef.h>

#if LUA_VERSION_NUM != 501 && LUA_VERSION_NUM != 503 && LUA_VERSION_NUM != 504
#error "Lua 5.1, LuaJIT, 5.3 or 5.4 is needed"
#endif

/* Makes the table on top of the stack the one anchor of the userdata at index, and pops it.
 * What stands in it lives as long as the userdata. */
static inline void ait_compat_set_anchor(lua_State *L, int index)
{
#if LUA_VERSION_NUM == 501
    lua_setfenv(L, index);
#elif LUA_VERSION_NUM == 503
    lua_setuservalue(L, index);
#else
    lua_setiuservalue(L, index, 1);
#endif
}

/* Pushes that table. */
static inline void ait_compat_push_anchor(lua_State *L, int index)
{
#if LUA_VERSION_NUM == 501
    lua_getfenv(L, index);
#elif LUA_VERSION_NUM == 503
    lua_getuservalue(L, index);
#else
    lua_getiuservalue(L, index, 1);
#endif
}

static inline void *ait_compat_new_userdata(lua_State *L, size_t size)
{
#if LUA_VERSION_NUM == 504
    return lua_newuserdatauv(L, size, 1);
#else
    return lua_newuserdata(L, size);
#endif
}

/* The raw length of a table. */
static inline size_t ait_compat_length(lua_State *L, int index)
{
#if LUA_VERSION_NUM == 501
    return lua_objlen(L, index);
#else
    return (size_t)lua_rawlen(L, index);
#endif
}

/* Registers functions that share the value on top of the stack as their upvalue, and pops it. */
static inline void ait_compat_set_functions(lua_State *L, const luaL_Reg *functions)
{
#if LUA_VERSION_NUM == 501
    for (; functions->name != NULL; functions++) {
        lua_pushvalue(L, -1);
        lua_pushcclosure(L, functions->func, 1);
        lua_setfield(L, -3, functions->name);
    }
    lua_pop(L, 1);
#else
    luaL_setfuncs(L, functions, 1);
#endif
}

/* Where Lua has integers, turns the whole number on top of the stack into one. */
static inline void ait_compat_make_integer(lua_State *L)
{
#if LUA_VERSION_NUM >= 503
    lua_Number number = lua_tonumber(L, -1);

    /* Up to 2^53 a double knows every integer; beyond it would invent digits. */
    if (!lua_isinteger(L, -1) && fabs(number) <= 9007199254740992.0 && floor(number) == number) {
        lua_pop(L, 1);
        lua_pushinteger(L, (lua_Integer)number);
    }
#else
    (void)L;
#endif
}

#endif
