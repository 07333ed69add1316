/* What a host needs to prove things about memory: see memory.c. */
#ifndef MEMORY_H
#define MEMORY_H

#include <lua.h>

/* A state whose memory is overwritten when it is freed; NULL if there is none to be had. */
lua_State *memory_new_state(void);

/* Makes `require "memory"` work. */
void memory_open(lua_State *L);

#endif
