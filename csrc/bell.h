/* A descriptor that one thread rings and another waits on: readable from the first ring until it
 * is cleared. The functions may be called on any thread; the descriptor has one owner. */
#ifndef AIT_BELL_H
#define AIT_BELL_H

/* A descriptor, closed in what the process executes; -1: there is none to be had. */
int ait_bell_open(void);

void ait_bell_ring(int bell);
void ait_bell_clear(int bell);

/* Waits for a ring, at most timeout_ms, or until a signal comes. Does not clear it. */
void ait_bell_wait(int bell, int timeout_ms);

#endif
