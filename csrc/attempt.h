/* What the pump keeps of an attempt, and queues of them: linked, first in, first out. No thread of
 * their own; who may touch which is the pump's to say. */
#ifndef AIT_ATTEMPT_H
#define AIT_ATTEMPT_H

#include "claim.h"
#include "outcome.h"
#include "request.h"

#include <stdint.h>

struct ait_attempt {
    uint64_t id;
    struct ait_request request;
    int64_t timeout_ms;
    ait_claim claim;
    bool cancelled; /* its owner wants no more of it */
    bool added;     /* the engine has it, or had it */
    bool told;      /* that it has finished: whoever was parked then */
    bool heard;     /* by its own caller */
    struct ait_outcome outcome;
    struct ait_attempt *next;
};

struct ait_attempts {
    struct ait_attempt *first, **end; /* end: where the next one goes */
};

/* NULL if memory ran out. */
struct ait_attempt *ait_attempt_new(size_t max_response_bytes);

/* Makes it one of nothing yet, with this id. */
void ait_attempt_reset(struct ait_attempt *attempt, uint64_t id);

/* Overwrites what it holds; the memory stays for the next. */
void ait_attempt_forget(struct ait_attempt *attempt);

void ait_attempts_init(struct ait_attempts *queue);
void ait_attempts_append(struct ait_attempts *queue, struct ait_attempt *attempt);

/* Appends all of the other queue, which is empty then. */
void ait_attempts_splice(struct ait_attempts *queue, struct ait_attempts *other);

/* The link to the attempt with this id; to NULL where there is none. */
struct ait_attempt **ait_attempts_find(struct ait_attempts *queue, uint64_t id);

/* Takes out the attempt that the link leads to. */
struct ait_attempt *ait_attempts_take(struct ait_attempts *queue, struct ait_attempt **link);

/* Frees them all. */
void ait_attempts_free(struct ait_attempts *queue);

#endif
