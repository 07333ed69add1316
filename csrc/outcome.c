#include "outcome.h"

/* A larger buffer is not kept for the next answer. */
#define LARGE_BODY ((size_t)64 * 1024)

void ait_outcome_init(struct ait_outcome *outcome, size_t max_body)
{
    *outcome = (struct ait_outcome){.failure = AIT_FAILURE_NONE};
    ait_headers_init(&outcome->headers);
    ait_buffer_init(&outcome->body, max_body);
}

void ait_outcome_forget(struct ait_outcome *outcome)
{
    if (outcome->body.capacity > LARGE_BODY)
        ait_buffer_wipe(&outcome->body);
    else
        ait_buffer_clear(&outcome->body);
    ait_headers_clear(&outcome->headers);
    outcome->failure = AIT_FAILURE_NONE;
    outcome->begun = false;
    outcome->status = 0;
    outcome->text[0] = '\0';
}

void ait_outcome_free(struct ait_outcome *outcome)
{
    ait_buffer_wipe(&outcome->body);
    ait_headers_free(&outcome->headers);
}

void ait_outcome_mask(struct ait_outcome *outcome, const char *secret, size_t n)
{
    ait_buffer_mask(&outcome->headers.kept, secret, n);
    if (outcome->status < 200 || outcome->status >= 300)
        ait_buffer_mask(&outcome->body, secret, n);
}
