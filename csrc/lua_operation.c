#include "lua_core.h"
#include "lua_table.h"

#include "check.h"
#include <string.h>

/* What a name stands for is the same in every operation. A string that is not here is a line. */
static ait_text_check *check_of(const char *name)
{
    static const struct {
        const char *name;
        ait_text_check *check;
    } checks[] = {
        {"organization_id", ait_check_organization_id},
        {"email", ait_check_email},
        {"user_id", ait_check_id},
        {"invitation_id", ait_check_id},
        {"email_key", ait_check_id},
        {"full_name", ait_check_full_name},
        {"password", ait_check_password},
    };

    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (strcmp(checks[i].name, name) == 0)
            return checks[i].check;
    }
    return ait_check_line;
}

static int type_of(const char *name)
{
    if (name == NULL || strcmp(name, "string") == 0)
        return LUA_TSTRING;
    if (strcmp(name, "boolean") == 0)
        return LUA_TBOOLEAN;
    if (strcmp(name, "number") == 0)
        return LUA_TNUMBER;
    return LUA_TTABLE;
}

/* Whether the list on top of the stack, if it is one, has this text. */
static bool has_text(lua_State *L, const char *text)
{
    bool has = false;

    if (!lua_istable(L, -1))
        return false;
    for (int i = 1; !has && (lua_rawgeti(L, -1, i), lua_isstring(L, -1)); i++) {
        has = strcmp(lua_tostring(L, -1), text) == 0;
        lua_pop(L, 1);
    }
    if (!has)
        lua_pop(L, 1);
    return has;
}

/* Whether a path has the name in one of its {a} or {?a,b}. */
static bool path_has(const char *path, const char *name)
{
    size_t size = strlen(name);

    while ((path = strchr(path, '{')) != NULL) {
        do {
            path += 1 + (path[1] == '?');
            if (strncmp(path, name, size) == 0 && strchr(",}", path[size]) != NULL)
                return true;
            path += strcspn(path, ",}");
        } while (*path == ',');
    }
    return false;
}

/* The anchor, below. It holds every text that an operation leads to: its row may change. */
#define ANCHOR 3

/* The text at the field of the table at index, or NULL. */
static const char *optional_field(lua_State *L, int index, const char *key)
{
    const char *text = NULL;

    lua_getfield(L, index, key);
    if (lua_type(L, -1) == LUA_TSTRING) {
        text = lua_tostring(L, -1);
        lua_pushvalue(L, -1);
        lua_rawset(L, ANCHOR);
    } else {
        lua_pop(L, 1);
    }
    return text;
}

static const char *required_field(lua_State *L, int index, const char *key)
{
    const char *text = optional_field(L, index, key);

    if (text == NULL)
        ait_core_raise_argument(L, "operation", "is incomplete");
    return text;
}

/* Takes the parameter on top of the stack with all its names, and pops it. */
static void take_parameter(lua_State *L, struct ait_operation *operation)
{
    int parameter = lua_gettop(L);
    const char *type = ait_string_field(L, parameter, "type", NULL);
    bool required = ait_boolean_field(L, parameter, "required");

    lua_getfield(L, 1, "secrets");
    lua_getfield(L, parameter, "names");
    luaL_checktype(L, -1, LUA_TTABLE);
    for (int i = 1; lua_rawgeti(L, parameter + 2, i), lua_isstring(L, -1); i++) {
        struct ait_parameter *to = &operation->parameters[operation->count];
        const char *name = lua_tostring(L, -1);

        if (operation->count == AIT_MOST_PARAMETERS)
            ait_core_raise_argument(L, "operation", "has too many parameters");
        lua_rawseti(L, ANCHOR, (int)++operation->count);
        lua_pushvalue(L, parameter + 1);
        *to = (struct ait_parameter){
            .name = name,
            .type = type_of(type),
            .check = check_of(name),
            .first = i == 1,
            .required = required,
            .in_url = path_has(operation->path, name),
            .secret = has_text(L, name),
        };
        lua_pop(L, 1);
    }
    lua_settop(L, parameter - 1);
}

static void take_look_up(lua_State *L, struct ait_operation *operation)
{
    int look_up = lua_gettop(L) + 1;

    lua_getfield(L, 1, "look_up");
    operation->can_look_up = lua_istable(L, look_up);
    if (operation->can_look_up) {
        operation->look_up.path = required_field(L, look_up, "path");
        operation->look_up.key = required_field(L, look_up, "key");
        operation->look_up.same = required_field(L, look_up, "same");
    }
    lua_pop(L, 1);
}

/* (row) -> the operation. */
int ait_operation_new(lua_State *L)
{
    struct ait_operation *operation;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    operation = ait_core_new_userdata(L, sizeof *operation, AIT_TOOL_OPERATION);
    lua_newtable(L);
    lua_pushvalue(L, ANCHOR);
    ait_compat_set_anchor(L, 2);

    operation->name = required_field(L, 1, "name");
    operation->path = required_field(L, 1, "path");
    operation->post = strcmp(required_field(L, 1, "method"), "POST") == 0;
    operation->repeatable = ait_boolean_field(L, 1, "repeatable");
    operation->anonymous = ait_boolean_field(L, 1, "anonymous");
    operation->secret = ait_boolean_field(L, 1, "secrets");
    operation->empty = ait_boolean_field(L, 1, "empty");
    operation->made = optional_field(L, 1, "made");
    operation->made_type = type_of(ait_string_field(L, 1, "made_type", NULL));
    operation->list = optional_field(L, 1, "list");
    take_look_up(L, operation);
    lua_getfield(L, 1, "parameters");
    luaL_checktype(L, -1, LUA_TTABLE);
    for (int i = 1; lua_rawgeti(L, -1, i), lua_istable(L, -1); i++)
        take_parameter(L, operation);
    lua_settop(L, 2);
    return 1;
}

const struct ait_operation *ait_operation_check(lua_State *L, int index)
{
    const struct ait_operation *operation = ait_core_test_userdata(L, index, AIT_TOOL_OPERATION);

    if (operation == NULL)
        ait_core_raise_argument(L, "operation", "must be an operation");
    return operation;
}

void ait_operation_register(lua_State *L)
{
    luaL_newmetatable(L, AIT_OPERATION);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_rawseti(L, -2, AIT_TOOL_OPERATION);
    lua_pop(L, 1);
}
