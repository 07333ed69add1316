#include "lua_core.h"
#include "lua_table.h"

#include <string.h>

/* Where they stand on the stack. */
struct params {
    const struct ait_operation *operation;
    int given;
    int names;  /* the operation's anchor */
    int values; /* those that are fine */
    int faults; /* nil until there is one */
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

static bool push_text_fault(lua_State *L, ait_text_check *check)
{
    size_t n;
    const char *bytes = lua_tolstring(L, -1, &n);
    const char *fault = check(bytes, n);

    if (fault != NULL)
        lua_pushstring(L, fault);
    return fault != NULL;
}

static size_t count_fields(lua_State *L, int table)
{
    size_t count = 0;

    lua_pushnil(L);
    for (; lua_next(L, table) != 0; count++)
        lua_pop(L, 1);
    return count;
}

static bool push_ids_fault(lua_State *L)
{
    int ids = lua_gettop(L);
    size_t count = count_fields(L, ids);

    if (count == 0 || count > AIT_CHECK_MOST_IDS) {
        lua_pushfstring(L, "must be a list of 1 to %d ids", AIT_CHECK_MOST_IDS);
        return true;
    }
    for (int place = 1; place <= (int)count; place++) {
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

static bool push_value_fault(lua_State *L, const struct ait_parameter *parameter)
{
    int type = lua_type(L, -1);

    if (type != parameter->type) {
        lua_pushfstring(L, "must be a %s, not %s", lua_typename(L, parameter->type),
                        lua_typename(L, type));
        return true;
    }
    if (type == LUA_TSTRING)
        return push_text_fault(L, parameter->check);
    return type == LUA_TTABLE && push_ids_fault(L);
}

/* -- a parameter: one name, and its other names after it -- */

static bool has_more_names(const struct ait_operation *operation, size_t i)
{
    return i + 1 < operation->count && !operation->parameters[i + 1].first;
}

/* Pushes the names from the i-th on as one text. */
static const char *push_names(lua_State *L, const struct ait_operation *operation, size_t i,
                              const char *between)
{
    lua_pushstring(L, operation->parameters[i].name);
    for (; has_more_names(operation, i); i++) {
        lua_pushstring(L, between);
        lua_pushstring(L, operation->parameters[i + 1].name);
        lua_concat(L, 3);
    }
    return lua_tostring(L, -1);
}

/* So many of the names from the i-th on were given. */
static void check_presence(lua_State *L, const struct params *params, size_t i, int given)
{
    const struct ait_parameter *parameter = &params->operation->parameters[i];

    if (given > 1) {
        lua_pushfstring(L, "give only one of %s", push_names(L, params->operation, i, " and "));
        add_fault(L, params, parameter[1].name);
    } else if (given == 0 && parameter->required) {
        if (has_more_names(params->operation, i))
            lua_pushfstring(L, "is required: give %s", push_names(L, params->operation, i, " or "));
        else
            lua_pushliteral(L, "is required");
        add_fault(L, params, parameter->name);
    }
}

/* Checks what was given under the i-th name, and whether it was. */
static bool take(lua_State *L, const struct params *params, size_t i)
{
    const struct ait_parameter *parameter = &params->operation->parameters[i];

    lua_rawgeti(L, params->names, (int)i + 1);
    lua_pushvalue(L, -1);
    lua_rawget(L, params->given);
    if (lua_isnil(L, -1))
        return false;
    if (push_value_fault(L, parameter))
        add_fault(L, params, parameter->name);
    else
        lua_rawset(L, params->values);
    return true;
}

/* Returns how many of the params the operation knows. */
static size_t take_all(lua_State *L, const struct params *params)
{
    const struct ait_operation *operation = params->operation;
    size_t known = 0, first = 0;
    int given = 0;

    for (size_t i = 0; i < operation->count; i++) {
        given += take(L, params, i);
        lua_settop(L, params->faults);
        if (has_more_names(operation, i))
            continue;
        check_presence(L, params, first, given);
        lua_settop(L, params->faults);
        known += (size_t)given;
        first = i + 1;
        given = 0;
    }
    return known;
}

/* -- what is no parameter -- */

static void push_unknown_message(lua_State *L, const struct ait_operation *operation)
{
    const char *between = "is not a parameter of this call, which takes ";

    lua_pushliteral(L, "");
    for (size_t i = 0; i < operation->count; i++) {
        if (!operation->parameters[i].first)
            continue;
        lua_pushstring(L, between);
        push_names(L, operation, i, " or ");
        lua_concat(L, 3);
        between = ", ";
    }
}

static void add_unknown(lua_State *L, const struct params *params)
{
    int message = params->faults + 1;

    push_unknown_message(L, params->operation);
    ait_core_push_tool(L, AIT_TOOL_UNKNOWN_KEYS);
    lua_pushvalue(L, params->given);
    lua_newtable(L);
    for (size_t i = 0; i < params->operation->count; i++)
        ait_set_boolean(L, params->operation->parameters[i].name, true);
    lua_call(L, 2, 1);
    for (int i = 1; lua_rawgeti(L, message + 1, i), !lua_isnil(L, -1); i++) {
        lua_pushvalue(L, message);
        add_fault(L, params, lua_tostring(L, -2));
        lua_pop(L, 1);
    }
}

/* -- all of them -- */

bool ait_params_take(lua_State *L, int at, int given)
{
    int top = lua_gettop(L);
    struct params params = {lua_touserdata(L, at), given, top + 1, top + 2, top + 3};
    bool fine;

    luaL_checkstack(L, 16, "params");
    ait_compat_push_anchor(L, at);
    lua_createtable(L, 0, 4);
    lua_pushnil(L);
    if (!lua_istable(L, given)) {
        lua_pushfstring(L, "must be a table, not %s", luaL_typename(L, given));
        add_fault(L, &params, "params");
    } else if (take_all(L, &params) < count_fields(L, given)) {
        add_unknown(L, &params);
    }
    fine = lua_isnil(L, params.faults);
    lua_settop(L, fine ? params.values : params.faults);
    lua_replace(L, params.names);
    lua_settop(L, params.names);
    return fine;
}

void ait_params_swap_url(lua_State *L, const struct ait_operation *operation, int values)
{
    int other = values;

    for (size_t i = 0; i < operation->count; i++) {
        if (!operation->parameters[i].in_url)
            continue;
        lua_getfield(L, values, operation->parameters[i].name);
        lua_pushvalue(L, ++other);
        lua_setfield(L, values, operation->parameters[i].name);
        lua_replace(L, other);
    }
}

int ait_params_check(lua_State *L)
{
    ait_operation_check(L, 1);
    lua_settop(L, 2);
    if (ait_params_take(L, 1, 2))
        return 0;
    return 1;
}
