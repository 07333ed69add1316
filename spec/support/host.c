/* A plain Lua host for the suites: an interpreter of our own can be linked with a sanitizer,
 * where preloading one would reach every child process too.
 *
 *   host SCRIPT [ARGUMENT…]
 *
 * With GC_STRESS in the environment the collector never pauses. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <stdio.h>
#include <stdlib.h>

static int traceback(lua_State *L)
{
    if (!lua_isstring(L, 1))
        return 1;
    lua_getglobal(L, "debug");
    lua_getfield(L, -1, "traceback");
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 2);
    lua_call(L, 2, 1);
    return 1;
}

static void set_arguments(lua_State *L, int argc, char **argv)
{
    lua_newtable(L);
    for (int i = 0; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i - 1);
    }
    lua_setglobal(L, "arg");
}

int main(int argc, char **argv)
{
    lua_State *L = luaL_newstate();
    int status = 1;

    if (L == NULL || argc < 2) {
        fprintf(stderr, "usage: host SCRIPT [ARGUMENT...]\n");
        return 2;
    }
    luaL_openlibs(L);
    if (getenv("GC_STRESS") != NULL) {
        lua_gc(L, LUA_GCSETPAUSE, 0);
        lua_gc(L, LUA_GCSETSTEPMUL, 1000);
    }
    set_arguments(L, argc, argv);
    lua_pushcfunction(L, traceback);
    if (luaL_loadfile(L, argv[1]) == 0) {
        for (int i = 2; i < argc; i++)
            lua_pushstring(L, argv[i]);
        status = lua_pcall(L, argc - 2, 0, 1);
    }
    if (status != 0)
        fprintf(stderr, "host: %s\n", lua_tostring(L, -1));
    lua_close(L);
    return status != 0;
}
