/* Whether a request can still be taken back, settled once between the thread that is about to
 * send it and the one that wants it cancelled. Any thread. */
#ifndef AIT_CLAIM_H
#define AIT_CLAIM_H

#include <stdatomic.h>
#include <stdbool.h>

enum { AIT_CLAIM_OPEN, AIT_CLAIM_BEGUN, AIT_CLAIM_WITHDRAWN };

typedef atomic_int ait_claim;

/* About to send. False: it was withdrawn and must not be sent. */
static inline bool ait_claim_begin(ait_claim *claim)
{
    int state = AIT_CLAIM_OPEN;

    return atomic_compare_exchange_strong(claim, &state, AIT_CLAIM_BEGUN) ||
           state == AIT_CLAIM_BEGUN;
}

/* False: it may have been sent already. */
static inline bool ait_claim_withdraw(ait_claim *claim)
{
    int state = AIT_CLAIM_OPEN;

    return atomic_compare_exchange_strong(claim, &state, AIT_CLAIM_WITHDRAWN) ||
           state == AIT_CLAIM_WITHDRAWN;
}

#endif
