/* What there is once in a process, whatever number of Lua states, clients and threads it has. All
 * functions may be called on any thread. */
#ifndef AIT_PROCESS_H
#define AIT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* Initialises libcurl, once. NULL, or why this library cannot work here as a sentence that lives
 * as long as the process. */
const char *ait_process_start(void);

/* "libcurl/7.88.1 OpenSSL/3.0.15 …": what carries our requests. Lives as long as the process. */
const char *ait_process_libraries(void);

/* Differs in a child of fork() from what it was in the parent. */
unsigned ait_process_generation(void);

/* A number that is given once. */
uint64_t ait_process_serial(void);

/* Keeps for good what a child of fork() has of its parent's and can't free, NULL included: a leak
 * that is meant must not look like one that is not. */
void ait_process_keep(void *memory);

/* What a thread of ours does. Context is the same for all three. */
struct ait_task {
    void (*run)(void *context);  /* on the new thread, with all signals blocked */
    void (*stop)(void *context); /* when the process exits: run must return soon. On any thread */
    void (*end)(void *context);  /* on the thread, after run and any stop */
};

/* False: there is no thread to be had, and nothing was called. When the process exits, and before
 * libcurl's TLS library cleans up, threads that still run are stopped and waited for, for a second
 * at most. */
bool ait_process_start_thread(const struct ait_task *task, void *context);

#endif
