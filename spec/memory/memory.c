/* Proofs about memory, for a host of the specs: every allocation of the process goes through
 * here, and a script can make one fail, count those that live, and look for a secret.
 *
 * Lua's own memory is overwritten when Lua frees it, so that a secret that is found afterwards is
 * in somebody else's. It can fail like any other, but is not counted as live: how much of it Lua
 * keeps after a collection is Lua's affair. */
#include "memory.h"

#include <lauxlib.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

/* -- every allocation -- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

/* Of the calling thread. */
static _Thread_local struct {
    bool armed;
    bool onward; /* those after the one that is to fail, fail too */
    long first;  /* which one is to fail */
    long seen;   /* since it was armed */
} walk;

static atomic_long live;

/* Whether code of this library allocates or frees. */
static bool is_by(void *caller, const char *library)
{
    struct dl_find_object object;

    return _dl_find_object(caller, &object) == 0 &&
           strstr(object.dlfo_link_map->l_name, library) != NULL;
}

/* lua-cjson ends the process where malloc fails (strbuf.c, die), so it never does there. */
static bool fails(void *caller)
{
    if (!walk.armed)
        return false;
    walk.seen++;
    if (walk.seen < walk.first || (walk.seen > walk.first && !walk.onward) ||
        is_by(caller, "cjson"))
        return false;
    errno = ENOMEM;
    return true;
}

/* Not counted: lua-cjson leaks its buffer where Lua raises while it decodes; the dynamic linker
 * allocates for threads, whose stacks glibc keeps. */
static void count(void *memory, void *caller, int n)
{
    if (memory != NULL && !is_by(caller, "cjson") && !is_by(caller, "/ld-linux"))
        live += n;
}

void *malloc(size_t size)
{
    void *caller = __builtin_return_address(0);
    void *memory = fails(caller) ? NULL : __libc_malloc(size);

    count(memory, caller, 1);
    return memory;
}

void *calloc(size_t n, size_t size)
{
    void *caller = __builtin_return_address(0);
    void *memory = fails(caller) ? NULL : __libc_calloc(n, size);

    count(memory, caller, 1);
    return memory;
}

void free(void *memory)
{
    count(memory, __builtin_return_address(0), -1);
    __libc_free(memory);
}

void *realloc(void *memory, size_t size)
{
    void *caller = __builtin_return_address(0);
    void *other;

    if (memory != NULL && size == 0) {
        count(memory, caller, -1);
        __libc_free(memory);
        return NULL;
    }
    other = fails(caller) ? NULL : __libc_realloc(memory, size);
    if (memory == NULL)
        count(other, caller, 1);
    return other;
}

/* Chance, which only lengthens waits, is always 0: a walk would take minutes. */
ssize_t getrandom(void *bytes, size_t n, unsigned int flags)
{
    (void)flags;
    memset(bytes, 0, n);
    return (ssize_t)n;
}

/* -- Lua's -- */

static void *allocate(size_t size)
{
#if LUA_VERSION_NUM > 501
    /* It collects garbage and tries once more; that is to fail as well. */
    static _Thread_local bool failed;
    bool again = failed;

    failed = !again && fails(NULL);
    return again || failed ? NULL : __libc_malloc(size);
#else
    return fails(NULL) ? NULL : __libc_malloc(size);
#endif
}

static void wipe_and_free(void *memory)
{
    if (memory == NULL)
        return;
    explicit_bzero(memory, malloc_usable_size(memory));
    __libc_free(memory);
}

static void *lua_allocator(void *context, void *memory, size_t had, size_t wanted)
{
    void *other;

    (void)context;
    if (wanted == 0) {
        wipe_and_free(memory);
        return NULL;
    }
    if (memory != NULL && wanted <= had)
        return memory; /* Lua relies on shrinking */
    other = allocate(wanted);
    if (other != NULL && memory != NULL) {
        memcpy(other, memory, had);
        wipe_and_free(memory);
    }
    return other;
}

lua_State *memory_new_state(void)
{
    return lua_newstate(lua_allocator, NULL);
}

/* -- a secret -- */

/* The pieces are looked for one by one, since the allocator writes into the first bytes of what
 * is free. */
enum { PIECES = 4, PIECE = 12, SECRET = PIECES * PIECE, MASK = 0xA5, WINDOW = 1 << 16 };

static unsigned char masked[SECRET]; /* the secret, which this file must not spread */
static unsigned char window[WINDOW];

static bool make_secret(void)
{
    if (masked[0] != 0)
        return true;
    if (syscall(SYS_getrandom, masked, sizeof masked, 0) != sizeof masked)
        return false;
    for (size_t i = 0; i < SECRET; i++)
        masked[i] = (unsigned char)("abcdefghijklmnopqrstuvwxyz012345"[masked[i] % 32] ^ MASK);
    return true;
}

static bool is_piece(const unsigned char *bytes, size_t piece)
{
    const unsigned char *wanted = masked + piece * PIECE;
    size_t i = 0;

    while (i < PIECE && (bytes[i] ^ MASK) == wanted[i])
        i++;
    return i == PIECE;
}

/* The list of places found is on top of the stack. */
struct search {
    lua_State *L;
    int memory;
    int found;
};

static void look_in_window(struct search *search, size_t n, uintptr_t start, const char *name)
{
    for (size_t i = 0; i + PIECE <= n; i++) {
        uintptr_t address = start + i;

        if (address >= (uintptr_t)window && address < (uintptr_t)window + WINDOW)
            continue;
        for (int piece = 0; piece < PIECES; piece++) {
            if (!is_piece(window + i, (size_t)piece))
                continue;
            lua_pushfstring(search->L, "piece %d at %p %s", piece + 1, (void *)address, name);
            lua_rawseti(search->L, -2, ++search->found);
        }
    }
}

static void look_in_range(struct search *search, uintptr_t start, uintptr_t end, const char *name)
{
    while (end - start >= PIECE) {
        size_t wanted = end - start < WINDOW ? end - start : WINDOW;
        ssize_t got = pread(search->memory, window, wanted, (off_t)start);

        if (got < PIECE)
            return; /* pages of the kernel's own */
        look_in_window(search, (size_t)got, start, name);
        start += (size_t)got - (PIECE - 1); /* a piece may lie across */
    }
}

static int secret(lua_State *L)
{
    char text[SECRET];
    volatile char *byte = text; /* one by one: a vector of them could be spilled elsewhere */

    if (!make_secret())
        return luaL_error(L, "no entropy");
    for (size_t i = 0; i < SECRET; i++)
        byte[i] = (char)(masked[i] ^ MASK);
    lua_pushlstring(L, text, sizeof text);
    explicit_bzero(text, sizeof text);
    return 1;
}

/* A list of where in the memory of this process pieces of the secret are. */
static int copies(lua_State *L)
{
    struct search search = {L, open("/proc/self/mem", O_RDONLY | O_CLOEXEC), 0};
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512], name[256], permissions[8];
    uintptr_t start, end;

    if (search.memory < 0 || maps == NULL)
        return luaL_error(L, "this process can't read its own memory");
    lua_newtable(L);
    while (fgets(line, sizeof line, maps) != NULL) {
        name[0] = '\0';
        if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %255s", &start, &end, permissions, name) >= 3 &&
            permissions[0] == 'r')
            look_in_range(&search, start, end, name);
    }
    fclose(maps);
    close(search.memory);
    return 1;
}

/* -- failing -- */

/* (n, onward): the n-th allocation of this thread from now on fails, or all from it on. */
static int fail_allocation(lua_State *L)
{
    long first = (long)luaL_checkinteger(L, 1);
    bool onward = lua_toboolean(L, 2);

    walk.first = first;
    walk.onward = onward;
    walk.seen = 0;
    walk.armed = true;
    return 0;
}

/* No allocation fails any more. Returns how many there were. */
static int allocations(lua_State *L)
{
    walk.armed = false;
    lua_pushinteger(L, walk.seen);
    return 1;
}

static int live_allocations(lua_State *L)
{
    lua_pushinteger(L, live);
    return 1;
}

static const luaL_Reg functions[] = {
    {"secret", secret},
    {"copies", copies},
    {"fail_allocation", fail_allocation},
    {"allocations", allocations},
    {"live_allocations", live_allocations},
    {NULL, NULL},
};

static int load(lua_State *L)
{
    lua_newtable(L);
    for (const luaL_Reg *function = functions; function->name != NULL; function++) {
        lua_pushcfunction(L, function->func);
        lua_setfield(L, -2, function->name);
    }
    lua_pushinteger(L, PIECES);
    lua_setfield(L, -2, "PIECES");
    return 1;
}

void memory_open(lua_State *L)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, load);
    lua_setfield(L, -2, "memory");
    lua_pop(L, 2);
}
