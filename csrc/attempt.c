#include "attempt.h"

#include <stdlib.h>

struct ait_attempt *ait_attempt_new(size_t max_response_bytes)
{
    struct ait_attempt *attempt = calloc(1, sizeof *attempt);

    if (attempt == NULL)
        return NULL;
    ait_request_init(&attempt->request);
    ait_outcome_init(&attempt->outcome, max_response_bytes);
    return attempt;
}

void ait_attempt_reset(struct ait_attempt *attempt, uint64_t id)
{
    attempt->id = id;
    attempt->cancelled = attempt->added = false;
    attempt->told = attempt->heard = false;
    atomic_store(&attempt->claim, AIT_CLAIM_OPEN);
}

void ait_attempt_forget(struct ait_attempt *attempt)
{
    ait_buffer_clear(&attempt->request.url);
    ait_buffer_clear(&attempt->request.body);
    ait_outcome_forget(&attempt->outcome);
}

void ait_attempts_init(struct ait_attempts *queue)
{
    queue->first = NULL;
    queue->end = &queue->first;
}

void ait_attempts_append(struct ait_attempts *queue, struct ait_attempt *attempt)
{
    attempt->next = NULL;
    *queue->end = attempt;
    queue->end = &attempt->next;
}

void ait_attempts_splice(struct ait_attempts *queue, struct ait_attempts *other)
{
    if (other->first == NULL)
        return;
    *queue->end = other->first;
    queue->end = other->end;
    ait_attempts_init(other);
}

struct ait_attempt **ait_attempts_find(struct ait_attempts *queue, uint64_t id)
{
    struct ait_attempt **link = &queue->first;

    while (*link != NULL && (*link)->id != id)
        link = &(*link)->next;
    return link;
}

struct ait_attempt *ait_attempts_take(struct ait_attempts *queue, struct ait_attempt **link)
{
    struct ait_attempt *attempt = *link;

    *link = attempt->next;
    if (queue->end == &attempt->next)
        queue->end = link;
    return attempt;
}

void ait_attempts_free(struct ait_attempts *queue)
{
    while (queue->first != NULL) {
        struct ait_attempt *attempt = ait_attempts_take(queue, &queue->first);

        ait_request_wipe(&attempt->request);
        ait_outcome_free(&attempt->outcome);
        free(attempt);
    }
}
