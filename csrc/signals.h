/* Signals that are counted, and do nothing else: for the command, which looks whether somebody
 * wants it to end. A handler in Lua would have to run in a hook, in whatever runs just then;
 * LuaJIT's compiled code runs no hooks. All functions may be called on any thread. */
#ifndef AIT_SIGNALS_H
#define AIT_SIGNALS_H

#include <stdbool.h>

/* From now on the signal is counted, from 0. restarts: a system call that it comes into goes on
 * afterwards. False where there is no such signal. */
bool ait_signals_watch(int number, bool restarts);

/* From now on it does again what it does in a process that does not care. */
bool ait_signals_forget(int number);

/* How often it came since it was watched last. */
int ait_signals_count(int number);

#endif
