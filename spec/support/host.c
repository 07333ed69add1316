/* A plain Lua host for the suites: an interpreter of our own can be linked with a sanitizer,
 * where preloading one would reach every child process too.
 *
 *   host [--states N] [--threads N] SCRIPT [ARGUMENT…]
 *
 * Runs the script in one state; with --states in that many, one after another, and with --threads
 * in that many at once, each on a thread of its own. Scripts may require "host": fork() is the
 * system's, wait() waits for a child and returns its exit code, threads() counts the threads.
 *
 * With GC_STRESS in the environment the collector never pauses, unless HOST_MEMORY is defined: then
 * it is linked with spec/memory/memory.c, which has its own way with memory. */
#ifdef HOST_MEMORY
#include "../memory/memory.h"
#endif

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_THREADS 64

struct script {
    int argc;
    char **argv; /* the script's path first */
};

static lua_State *new_state(void)
{
#ifdef HOST_MEMORY
    return memory_new_state();
#else
    return luaL_newstate();
#endif
}

static int traceback(lua_State *L)
{
    if (!lua_isstring(L, 1))
        return luaL_callmeta(L, 1, "__tostring") ? 1 : 0;
    lua_getglobal(L, "debug");
    lua_getfield(L, -1, "traceback");
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 2);
    lua_call(L, 2, 1);
    return 1;
}

static void set_arguments(lua_State *L, const struct script *script)
{
    lua_newtable(L);
    for (int i = 0; i < script->argc; i++) {
        lua_pushstring(L, script->argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_setglobal(L, "arg");
}

static int host_fork(lua_State *L)
{
    fflush(NULL);
    lua_pushinteger(L, fork());
    return 1;
}

/* Waits for one child: its exit code, or minus the signal that ended it. */
static int host_wait(lua_State *L)
{
    int status;

    if (wait(&status) < 0)
        return luaL_error(L, "no child");
    lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    return 1;
}

static int host_threads(lua_State *L)
{
    DIR *folder = opendir("/proc/self/task");
    int n = -2; /* the folder itself and the one above */

    if (folder == NULL)
        return luaL_error(L, "no /proc");
    while (readdir(folder) != NULL)
        n++;
    closedir(folder);
    lua_pushinteger(L, n);
    return 1;
}

static int open_host(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"fork", host_fork}, {"wait", host_wait}, {"threads", host_threads}, {NULL, NULL}};

    lua_newtable(L);
    for (const luaL_Reg *f = functions; f->name != NULL; f++) {
        lua_pushcfunction(L, f->func);
        lua_setfield(L, -2, f->name);
    }
    return 1;
}

static void preload_host(lua_State *L)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, open_host);
    lua_setfield(L, -2, "host");
    lua_pop(L, 2);
}

static bool run(const struct script *script)
{
    lua_State *L = new_state();
    int status;

    if (L == NULL)
        return false;
    luaL_openlibs(L);
    preload_host(L);
#ifdef HOST_MEMORY
    memory_open(L);
#else
    if (getenv("GC_STRESS") != NULL) {
        lua_gc(L, LUA_GCSETPAUSE, 0);
        lua_gc(L, LUA_GCSETSTEPMUL, 1000);
    }
#endif
    set_arguments(L, script);
    lua_pushcfunction(L, traceback);
    status = luaL_loadfile(L, script->argv[0]);
    if (status == 0) {
        for (int i = 1; i < script->argc; i++)
            lua_pushstring(L, script->argv[i]);
        status = lua_pcall(L, script->argc - 1, 0, 1);
    }
    if (status != 0)
        fprintf(stderr, "host: %s\n", lua_tostring(L, -1));
    lua_close(L);
    return status == 0;
}

static void *run_on_thread(void *script)
{
    return run(script) ? script : NULL;
}

static bool run_at_once(struct script *script, int n)
{
    pthread_t threads[MAX_THREADS];
    bool fine = true;
    int started = 0;

    while (started < n && pthread_create(&threads[started], NULL, run_on_thread, script) == 0)
        started++;
    fine = started == n;
    for (int i = 0; i < started; i++) {
        void *result;

        fine = pthread_join(threads[i], &result) == 0 && result != NULL && fine;
    }
    return fine;
}

/* Takes "NAME N" off the front of the arguments; the other number stays as it is. */
static int take_number(struct script *script, const char *name, int otherwise)
{
    int number;

    if (script->argc < 2 || strcmp(script->argv[0], name) != 0)
        return otherwise;
    number = atoi(script->argv[1]);
    script->argc -= 2;
    script->argv += 2;
    return number;
}

int main(int argc, char **argv)
{
    struct script script = {argc - 1, argv + 1};
    int states = take_number(&script, "--states", 1);
    int threads = take_number(&script, "--threads", 0);
    bool fine = true;

    if (script.argc < 1 || threads > MAX_THREADS) {
        fprintf(stderr, "usage: host [--states N] [--threads N] SCRIPT [ARGUMENT...]\n");
        return 2;
    }
    for (int i = 0; i < states; i++)
        fine = run(&script) && fine;
    fine = run_at_once(&script, threads) && fine;
    return fine ? 0 : 1;
}
