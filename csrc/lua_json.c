#include "lua_core.h"

#include <string.h>

/* lua-cjson under lua_pcall. A memory error goes on as it is; anything else stays on the stack
 * as its message, with false. */
static bool call(lua_State *L)
{
    int status = lua_pcall(L, 1, 1, 0);

    if (status == LUA_ERRMEM)
        lua_error(L);
    return status == 0;
}

void ait_json_encode(lua_State *L, int index, struct ait_buffer *json)
{
    const char *text;
    size_t n;

    lua_pushvalue(L, index);
    ait_core_push_tool(L, AIT_TOOL_ENCODE);
    lua_insert(L, -2);
    if (!call(L))
        ait_core_raise_argument(L, "params", "cannot be written as JSON");
    text = lua_tolstring(L, -1, &n);
    switch (text == NULL ? AIT_INVALID : ait_buffer_append(json, text, n)) {
    case AIT_OK:
        break;
    case AIT_NO_MEMORY:
        ait_core_raise_no_memory(L);
        break;
    default:
        ait_core_raise_argument(L, "params", "are too large");
    }
    lua_pop(L, 1);
}

/* Its buffer stays for the next text, which begins where this one did. */
void ait_json_wipe(lua_State *L, size_t n)
{
    luaL_Buffer blank;

    ait_core_push_tool(L, AIT_TOOL_ENCODE);
    luaL_buffinit(L, &blank);
    while (n-- > 2) /* the quotes are two */
        luaL_addchar(&blank, ' ');
    luaL_pushresult(&blank);
    (void)call(L);
    lua_pop(L, 1);
}

static void tidy(lua_State *L);

/* Replaces the value on top, which belongs to the key below it in the table below that. Only
 * existing keys are assigned, so that the traversal goes on. */
static void tidy_field(lua_State *L)
{
    switch (lua_type(L, -1)) {
    case LUA_TTABLE:
        tidy(L);
        lua_pop(L, 1);
        return;
    case LUA_TNUMBER:
        ait_compat_make_integer(L);
        break;
    case LUA_TLIGHTUSERDATA: /* lua-cjson's null */
        lua_pop(L, 1);
        lua_pushnil(L);
        break;
    default:
        lua_pop(L, 1);
        return;
    }
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
}

/* The depth is bounded by the decoder's own limit. */
static void tidy(lua_State *L)
{
    luaL_checkstack(L, 4, "JSON");
    lua_pushnil(L);
    while (lua_next(L, -2) != 0)
        tidy_field(L);
}

bool ait_json_decode(lua_State *L, const char *json, size_t n)
{
    ait_core_push_tool(L, AIT_TOOL_DECODE);
    lua_pushlstring(L, n == 0 ? "" : json, n);
    if (!call(L)) {
        lua_pop(L, 1);
        return false;
    }
    if (lua_istable(L, -1))
        tidy(L);
    return true;
}
