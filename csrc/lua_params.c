#include "lua_core.h"
#include "lua_table.h"

#include "check.h"
#include <string.h>

/* What a name stands for is the same in every operation. A string that is not here is a line. */
static const struct {
    const char *name;
    const char *(*check)(const char *bytes, size_t n);
} checks[] = {
    {"organization_id", ait_check_organization_id},
    {"email", ait_check_email},
    {"user_id", ait_check_id},
    {"invitation_id", ait_check_id},
    {"email_key", ait_check_id},
    {"full_name", ait_check_full_name},
    {"password", ait_check_password},
};

/* Where they stand on the stack; faults is nil until there is one. */
struct params {
    int row, given, faults;
};

/* Pops the message on top and adds it to the faults. */
static void add_fault(lua_State *L, const struct params *params, const char *field)
{
    if (lua_isnil(L, params->faults)) {
        lua_createtable(L, 1, 0);
        lua_replace(L, params->faults);
    }
    lua_createtable(L, 0, 2);
    ait_set_string(L, "field", field);
    lua_insert(L, -2);
    lua_setfield(L, -2, "message");
    lua_rawseti(L, params->faults, (int)ait_compat_length(L, params->faults) + 1);
}

/* -- a value, on top of the stack: what is wrong with it is pushed, and true returned -- */

static bool push_text_fault(lua_State *L, const char *(*check)(const char *bytes, size_t n))
{
    size_t n;
    const char *bytes = lua_tolstring(L, -1, &n);
    const char *fault = check(bytes, n);

    if (fault != NULL)
        lua_pushstring(L, fault);
    return fault != NULL;
}

static bool push_string_fault(lua_State *L, const char *name)
{
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (strcmp(checks[i].name, name) == 0)
            return push_text_fault(L, checks[i].check);
    }
    return push_text_fault(L, ait_check_line);
}

static int count_fields(lua_State *L, int table)
{
    int count = 0;

    lua_pushnil(L);
    for (; lua_next(L, table) != 0; count++)
        lua_pop(L, 1);
    return count;
}

static bool push_ids_fault(lua_State *L)
{
    int ids = lua_gettop(L), count = count_fields(L, ids);

    if (count == 0 || count > AIT_CHECK_MOST_IDS) {
        lua_pushfstring(L, "must be a list of 1 to %d ids", AIT_CHECK_MOST_IDS);
        return true;
    }
    for (int place = 1; place <= count; place++) {
        lua_rawgeti(L, ids, place);
        if (lua_type(L, -1) != LUA_TSTRING) {
            lua_pushfstring(L, "must be a list of strings, which it is not at %d", place);
            return true;
        }
        if (push_text_fault(L, ait_check_id)) {
            lua_pushfstring(L, "%s, at %d", lua_tostring(L, -1), place);
            return true;
        }
        lua_settop(L, ids);
    }
    return false;
}

static bool push_value_fault(lua_State *L, int parameter, const char *name)
{
    const char *wanted = ait_string_field(L, parameter, "type", NULL);
    const char *type = luaL_typename(L, -1);

    if (strcmp(wanted == NULL ? "string" : wanted, type) != 0) {
        lua_pushfstring(L, "must be a %s, not %s", wanted == NULL ? "string" : wanted, type);
        return true;
    }
    if (wanted == NULL)
        return push_string_fault(L, name);
    return strcmp(name, "user_ids") == 0 && push_ids_fault(L);
}

/* -- a parameter of the row, at this index -- */

/* Pushes its names as one text. */
static const char *push_names(lua_State *L, int parameter, const char *between)
{
    lua_getfield(L, parameter, "names");
    lua_rawgeti(L, -1, 1);
    for (int i = 2; lua_rawgeti(L, -2, i), !lua_isnil(L, -1); i++) {
        lua_pushstring(L, between);
        lua_insert(L, -2);
        lua_concat(L, 3);
    }
    lua_pop(L, 1);
    lua_remove(L, -2);
    return lua_tostring(L, -1);
}

/* As many of its names were given. */
static void check_presence(lua_State *L, const struct params *params, int parameter, int given)
{
    const char *name;

    if (given == 1 || (given == 0 && !ait_boolean_field(L, parameter, "required")))
        return;
    lua_getfield(L, parameter, "names");
    lua_rawgeti(L, -1, given == 0 ? 1 : 2);
    name = lua_tostring(L, -1);
    if (given > 1) {
        lua_pushfstring(L, "give only one of %s", push_names(L, parameter, " and "));
    } else if (ait_compat_length(L, -2) > 1) {
        lua_pushfstring(L, "is required: give %s", push_names(L, parameter, " or "));
    } else {
        lua_pushliteral(L, "is required");
    }
    add_fault(L, params, name);
}

/* Checks what was given of it. Returns under how many names that was. */
static int check_parameter(lua_State *L, const struct params *params, int parameter)
{
    int names = parameter + 1, given = 0;

    lua_getfield(L, parameter, "names");
    for (int i = 1;; i++) {
        const char *name;

        lua_rawgeti(L, names, i);
        name = lua_tostring(L, -1); /* it stays in its list */
        if (name == NULL)
            break;
        lua_rawget(L, params->given);
        given += !lua_isnil(L, -1);
        if (!lua_isnil(L, -1) && push_value_fault(L, parameter, name))
            add_fault(L, params, name);
        lua_settop(L, names);
    }
    check_presence(L, params, parameter, given);
    lua_settop(L, parameter);
    return given;
}

/* -- all of them -- */

/* Pushes the set of the names that the row knows. */
static void push_known(lua_State *L, int parameters)
{
    int known = lua_gettop(L) + 1;

    lua_newtable(L);
    for (int i = 1; lua_rawgeti(L, parameters, i), !lua_isnil(L, -1); i++) {
        lua_getfield(L, -1, "names");
        for (int j = 1; lua_rawgeti(L, -1, j), !lua_isnil(L, -1); j++) {
            lua_pushboolean(L, 1);
            lua_rawset(L, known);
        }
        lua_settop(L, known);
    }
    lua_settop(L, known);
}

static void push_unknown_message(lua_State *L, int parameters)
{
    const char *between = "is not a parameter of this call, which takes ";

    lua_pushliteral(L, "");
    for (int i = 1; lua_rawgeti(L, parameters, i), !lua_isnil(L, -1); i++) {
        lua_pushstring(L, between);
        push_names(L, lua_gettop(L) - 1, " or ");
        lua_remove(L, -3);
        lua_concat(L, 3);
        between = ", ";
    }
    lua_pop(L, 1);
}

static void add_unknown(lua_State *L, const struct params *params, int parameters)
{
    int message = lua_gettop(L) + 1;

    push_unknown_message(L, parameters);
    ait_core_push_tool(L, AIT_TOOL_UNKNOWN_KEYS);
    lua_pushvalue(L, params->given);
    push_known(L, parameters);
    lua_call(L, 2, 1);
    for (int i = 1; lua_rawgeti(L, message + 1, i), !lua_isnil(L, -1); i++) {
        lua_pushvalue(L, message);
        add_fault(L, params, lua_tostring(L, -2));
        lua_pop(L, 1);
    }
    lua_settop(L, message - 1);
}

bool ait_params_check(lua_State *L, int row, int given)
{
    int top = lua_gettop(L), known = 0;
    struct params params = {row, given, top + 1};

    luaL_checkstack(L, 16, "params");
    lua_pushnil(L);
    if (lua_istable(L, given)) {
        lua_getfield(L, row, "parameters");
        for (int i = 1; lua_rawgeti(L, top + 2, i), !lua_isnil(L, -1); i++) {
            known += check_parameter(L, &params, top + 3);
            lua_settop(L, top + 2);
        }
        if (count_fields(L, given) > known)
            add_unknown(L, &params, top + 2);
    } else {
        lua_pushfstring(L, "must be a table, not %s", luaL_typename(L, given));
        add_fault(L, &params, "params");
    }
    lua_settop(L, top + 1);
    if (!lua_isnil(L, -1))
        return false;
    lua_pop(L, 1);
    return true;
}

void ait_params_push_body(lua_State *L, int row, int given)
{
    int body = lua_gettop(L) + 1;

    lua_createtable(L, 0, 4);
    lua_getfield(L, row, "in_url");
    lua_pushnil(L);
    while (lua_next(L, given) != 0) {
        lua_pushvalue(L, -2);
        lua_rawget(L, body + 1);
        if (lua_isnil(L, -1)) {
            lua_pushvalue(L, -3);
            lua_pushvalue(L, -3);
            lua_rawset(L, body);
        }
        lua_pop(L, 2);
    }
    lua_settop(L, body);
}

void ait_params_add_url(lua_State *L, int row, int given, int values)
{
    lua_getfield(L, row, "in_url");
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -1);
        lua_rawget(L, given);
        lua_rawset(L, values);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

int ait_params_faults(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (ait_params_check(L, 1, 2))
        lua_pushnil(L);
    return 1;
}
