/* Input: four bytes of rules, then six for each attempt: failure, status and finding, wait asked
 * for, flags, chance, time taken. Whatever it comes to, each decision keeps to the rules. */
#include "../c/policy_table.h"

#include <stdio.h>
#include <stdlib.h>

#define RULES_SIZE 4
#define ATTEMPT_SIZE 6
#define START_MS INT64_C(1000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *broken)
{
    if (broken == NULL)
        return;
    (void)fprintf(stderr, "broken: %s\n", broken);
    abort();
}

/* Up to a minute, the finer the shorter. */
static int64_t time_ms(uint8_t byte)
{
    return (int64_t)byte * byte;
}

static struct ait_rules read_rules(const uint8_t *data)
{
    return (struct ait_rules){
        .max_retries = data[0],
        .can_look_up = (data[1] & 3) == 1,
        .repeatable = (data[1] & 3) == 2,
        .settle_ms = time_ms(data[2]),
        .deadline_ms = START_MS + 1 + 10 * time_ms(data[3]),
    };
}

static struct ait_report read_report(const uint8_t *data)
{
    static const int statuses[32] = {0,   100, 200, 201, 204, 299, 300, 304, 400, 401, 403,
                                     404, 407, 408, 409, 410, 420, 421, 422, 425, 429, 430,
                                     499, 500, 501, 502, 503, 503, 504, 599, 600, 999};

    return (struct ait_report){
        .failure = (enum ait_failure)(data[0] % (AIT_FAILURE_CLOSED + 1)),
        .begun = data[3] & 1,
        .status = statuses[data[1] & 31],
        .headers_whole = data[3] & 2,
        .readable = data[3] & 4,
        .may_retry = data[3] & 8,
        .retry_after_ms = data[2] == 0 ? -1 : time_ms(data[2]),
    };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct step s = {.now_ms = START_MS, .decision = {.verdict = AIT_SEND, .at_ms = START_MS}};
    int sendings = 0;

    if (size < RULES_SIZE)
        return 0;
    s.rules = read_rules(data);
    data += RULES_SIZE;
    size -= RULES_SIZE;
    while (size >= ATTEMPT_SIZE &&
           (s.decision.verdict == AIT_SEND || s.decision.verdict == AIT_LOOK_UP)) {
        s.before = s.after;
        s.after_look_up = s.decision.verdict == AIT_LOOK_UP;
        sendings += !s.after_look_up;
        s.report = read_report(data);
        s.finding = (enum ait_finding)(data[1] >> 6);
        s.may_spend = data[3] & 16;
        s.random = data[4] / 256.0;
        s.now_ms = s.decision.at_ms + time_ms(data[5]);
        check(take_step(&s));
        data += ATTEMPT_SIZE;
        size -= ATTEMPT_SIZE;
    }
    if (sendings > s.rules.max_retries + 1)
        check("sendings <= max_retries + 1");
    return 0;
}
