/* What is done once in a process, whatever number of Lua states, clients and threads it has. */
#ifndef AIT_PROCESS_H
#define AIT_PROCESS_H

/* Initialises libcurl, once; may be called on any thread. NULL, or why this library cannot work
 * here as a sentence that lives as long as the process. */
const char *ait_process_start(void);

/* "libcurl/7.88.1 OpenSSL/3.0.15 …": what carries our requests. Lives as long as the process. */
const char *ait_process_libraries(void);

#endif
