/* The engine sends attempts: one libcurl multi, its easy handles and its connections. It knows
 * bytes and no Lua; what an outcome means is the policy's to say.
 *
 * A transfer is idle (its handle waits to be used again), open (in the multi), or finished
 * (its outcome waits to be released). Ids are the caller's and must differ among what is open.
 *
 * An engine and all that it holds belong to the thread that calls it: one at a time. Until the
 * first transfer there are no descriptors, so that an engine may be made before a fork. */
#ifndef AIT_ENGINE_H
#define AIT_ENGINE_H

#include "claim.h"
#include "outcome.h"
#include "request.h"

#include <stdint.h>

struct ait_engine;
struct ait_settings;

/* NULL if memory ran out. The settings are copied. */
struct ait_engine *ait_engine_new(const struct ait_settings *settings);

/* The most that an outcome's body can hold. */
size_t ait_engine_max_response_bytes(const struct ait_engine *engine);

/* Drops what is open without a word to its owner, closes the connections, wipes the key. */
void ait_engine_free(struct ait_engine *engine);

/* Opens a transfer; what libcurl refuses at once comes back as finished. The request is copied;
 * the claim, where there is one, must outlive the transfer. False: memory ran out and nothing was
 * opened. */
bool ait_engine_add(struct ait_engine *engine, uint64_t id, const struct ait_request *request,
                    int64_t timeout_ms, ait_claim *claim);

/* Gives a claim to the open transfer that has this place, from 0, and says its id. False: so many
 * are not open. */
bool ait_engine_share(struct ait_engine *engine, size_t place, uint64_t *id, ait_claim *claim);

/* Ends an open or finished transfer now; its outcome will not be reported. *begun: whether its
 * request may have left. False: there is none with this id. */
bool ait_engine_cancel(struct ait_engine *engine, uint64_t id, bool *begun);

/* Moves bytes, waiting at most timeout_ms for something to do. Returns once a transfer has
 * finished, the time is up, fd can be read (-1: no such), or nothing was ready when a wait ended:
 * libcurl had a timer of its own, or a signal came that the host must see. */
void ait_engine_step(struct ait_engine *engine, int64_t timeout_ms, int fd);

/* Who waits for the engine's sockets, where that is not ait_engine_step. */
struct ait_watcher {
    void *context;
    /* What is to be waited for on fd from now on; neither: nothing. */
    void (*watch)(void *context, int fd, bool in, bool out);
    /* Of those that connect to servers, but not of what libcurl has for itself. */
    void (*opened)(void *context, int fd);
    void (*closed)(void *context, int fd);
};

/* Leaves the waiting to the watcher from now on; to be called while no transfer is open. Then
 * libcurl touches a transfer only when its own socket is ready, where a step asks for all. False:
 * memory ran out. */
bool ait_engine_attach(struct ait_engine *engine, const struct ait_watcher *watcher);

/* With a watcher: when ait_engine_expire is to be called, or INT64_MAX. */
int64_t ait_engine_due_ms(const struct ait_engine *engine);
void ait_engine_expire(struct ait_engine *engine);

/* With a watcher: moves what is ready on this socket. */
void ait_engine_move(struct ait_engine *engine, int fd, bool in, bool out);

/* The outcome that has waited longest, or NULL. It stays the engine's, and stays first, until
 * it is released; what it holds may be masked by then. */
struct ait_outcome *ait_engine_finished(const struct ait_engine *engine, uint64_t *id);
void ait_engine_release(struct ait_engine *engine);

/* Releases it too, after swapping it with an outcome of the same maximum that was forgotten. */
void ait_engine_take(struct ait_engine *engine, struct ait_outcome *outcome);

/* In a child of fork(): leaves all transfers and connections to the parent, without a word to any
 * server, and makes the engine as it was when new. What they took in memory stays taken: returns
 * what leads to it, or NULL if there was no memory for that. */
void *ait_engine_abandon(struct ait_engine *engine);

#endif
