/* Setting and reading the fields of a Lua table from C; the table to set is on top of the stack. */
#ifndef AIT_LUA_TABLE_H
#define AIT_LUA_TABLE_H

#include "compat.h"

#include <stdbool.h>

static inline void ait_set_string(lua_State *L, const char *key, const char *value)
{
    if (value == NULL)
        return;
    lua_pushstring(L, value);
    lua_setfield(L, -2, key);
}

static inline void ait_set_number(lua_State *L, const char *key, lua_Number value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, -2, key);
}

static inline void ait_set_integer(lua_State *L, const char *key, lua_Integer value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, key);
}

static inline void ait_set_boolean(lua_State *L, const char *key, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, key);
}

/* The string at the field of the table at index, anchored by the table; or NULL. */
static inline const char *ait_string_field(lua_State *L, int index, const char *key, size_t *n)
{
    const char *text = NULL;

    lua_getfield(L, index, key);
    if (lua_type(L, -1) == LUA_TSTRING)
        text = lua_tolstring(L, -1, n);
    lua_pop(L, 1);
    return text;
}

/* The boolean at the field of the table at index. */
static inline bool ait_boolean_field(lua_State *L, int index, const char *key)
{
    bool value;

    lua_getfield(L, index, key);
    value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

#endif
