/* The pacer beside a rate-limited server, in simulated time: how much of what the server allows is
 * used by callers that never run out of work, and how often the server has to say 429. */
#include "pacer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define START 1000000
#define CALLERS 16
#define WINDOWS 60

/* When the allowance is whole again: as a delay or as a date, where it says that. */
enum says { SAYS_DELAY, SAYS_DATE, SAYS_RETRY_AFTER, SAYS_NOTHING };

struct server {
    const char *name;
    double limit;      /* in a window, after the burst */
    double burst;      /* at once after a pause */
    int64_t window_ms; /* of the limit */
    int64_t latency_ms;
    int64_t unit_ms; /* of its times: those in seconds are rounded up */
    enum says says;
    bool anew; /* the limit starts anew with each window; else a bucket that fills all the time */
};

struct answer {
    int64_t at_ms;
    int64_t asked_ms;
    struct ait_rate_limit rate;
    int status;
};

struct use {
    struct ait_pacer pacer;
    const struct server *server;
    double left;
    int64_t counted_ms;
    struct answer answers[CALLERS]; /* on their way, oldest first */
    int waiting;
    bool answered; /* the first one is */
    int good;
    int refused[WINDOWS];
};

static int64_t round_up(const struct server *server, double ms)
{
    return (int64_t)ceil(ms / (double)server->unit_ms) * server->unit_ms;
}

static void refill(struct use *use, int64_t now_ms)
{
    const struct server *server = use->server;
    int64_t past = (now_ms - START) % server->window_ms;

    if (!server->anew) {
        use->left += (double)(now_ms - use->counted_ms) * server->limit / (double)server->window_ms;
        if (use->left > server->burst)
            use->left = server->burst;
    } else if (use->counted_ms < now_ms - past) {
        use->left = server->limit;
    }
    use->counted_ms = now_ms;
}

static struct ait_rate_limit allowance(const struct use *use, const struct answer *answer,
                                       int64_t now_ms, double whole_ms)
{
    const struct server *server = use->server;
    struct ait_rate_limit rate = {
        .limit = (int64_t)server->limit,
        .remaining = (int64_t)(use->left < server->limit ? use->left : server->limit),
        .reset_ms = round_up(server, whole_ms),
    };

    if (server->says == SAYS_DATE)
        rate.reset_ms = round_up(server, (double)now_ms + whole_ms) - answer->at_ms;
    if (rate.reset_ms < 0)
        rate.reset_ms = 0;
    return rate;
}

static struct answer serve(struct use *use, int64_t now_ms)
{
    const struct server *server = use->server;
    double token_ms = (double)server->window_ms / server->limit;
    double anew_ms = (double)(server->window_ms - (now_ms - START) % server->window_ms);
    struct answer answer = {.at_ms = now_ms + server->latency_ms, .asked_ms = -1, .status = 201};

    refill(use, now_ms);
    answer.rate = (struct ait_rate_limit){-1, -1, -1};
    if (use->left >= 1) {
        use->left--;
        use->good++;
    } else {
        use->refused[(now_ms - START) / server->window_ms]++;
        answer.status = 429;
        if (server->says != SAYS_NOTHING)
            answer.asked_ms = round_up(server, server->anew ? anew_ms : (1 - use->left) * token_ms);
    }
    if (server->says == SAYS_DELAY || server->says == SAYS_DATE)
        answer.rate = allowance(use, &answer, now_ms,
                                server->anew ? anew_ms : (server->burst - use->left) * token_ms);
    return answer;
}

static void take_answer(struct use *use)
{
    struct answer answer = use->answers[0];

    for (int i = 1; i < use->waiting; i++)
        use->answers[i - 1] = use->answers[i];
    use->waiting--;
    use->answered = true;
    ait_pacer_heard(&use->pacer, answer.status, answer.asked_ms, &answer.rate, answer.at_ms);
    ait_pacer_ended(&use->pacer);
}

/* Sends whenever it may; with `alone` the first request goes before all others, as `invite_users`
 * has it. */
static void use_server(struct use *use, const struct server *server, bool alone)
{
    int64_t end_ms = START + WINDOWS * server->window_ms;

    *use = (struct use){.server = server, .counted_ms = START, .answered = !alone};
    use->left = server->anew ? server->limit : server->burst;
    ait_pacer_init(&use->pacer, CALLERS, 0, 1, START);
    for (int64_t now_ms = START; now_ms < end_ms;) {
        enum ait_hold hold;
        int64_t next_ms = ait_pacer_next_ms(&use->pacer, now_ms, &hold);

        if (next_ms <= now_ms && (use->answered || use->waiting == 0)) {
            ait_pacer_start(&use->pacer, now_ms);
            use->answers[use->waiting++] = serve(use, now_ms);
        } else if (use->waiting > 0 && (!use->answered || use->answers[0].at_ms <= next_ms)) {
            now_ms = use->answers[0].at_ms;
            take_answer(use);
        } else {
            now_ms = next_ms;
        }
    }
}

/* Of what is allowed from the start on, the burst included. */
static double share(const struct use *use)
{
    const struct server *server = use->server;

    return use->good / (server->limit * WINDOWS + (server->anew ? 0 : server->burst));
}

struct refusals {
    int at_first; /* in the first window */
    int later;    /* in each of the others */
};

static void check_use(const struct server *servers, size_t count, bool alone, struct refusals most)
{
    for (size_t i = 0; i < count; i++) {
        static struct use use;

        use_server(&use, &servers[i], alone);
        if (share(&use) < 0.9)
            fail_msg("%s: used %.3f", servers[i].name, share(&use));
        for (int w = 0; w < WINDOWS; w++)
            if (use.refused[w] > (w == 0 ? most.at_first : most.later))
                fail_msg("%s: %d times 429 in window %d", servers[i].name, use.refused[w], w);
    }
}

static void a_server_that_tells_what_is_left_is_used_without_a_429(void **state)
{
    (void)state;
    static const struct server servers[] = {
        {"100 a minute", 100, 120, 60000, 50, 1000, SAYS_DELAY, false},
        {"100 a minute after 400 ms", 100, 120, 60000, 400, 1000, SAYS_DELAY, false},
        {"100 a minute after 800 ms", 100, 120, 60000, 800, 1000, SAYS_DELAY, false},
        {"100 a minute, a date", 100, 120, 60000, 400, 1000, SAYS_DATE, false},
        {"100 a minute, from anew", 100, 100, 60000, 50, 1000, SAYS_DELAY, true},
        {"100 a minute, from anew, a date", 100, 100, 60000, 50, 1000, SAYS_DATE, true},
        {"100 in 6 s", 100, 120, 6000, 50, 1000, SAYS_DELAY, false},
        {"1,000 a minute", 1000, 1200, 60000, 50, 1000, SAYS_DELAY, false},
        {"5 a second", 5, 5, 1000, 50, 1000, SAYS_DELAY, false},
        {"5 a second after 400 ms", 5, 5, 1000, 400, 1000, SAYS_DELAY, false},
        {"5 a second, in ms", 5, 5, 1000, 50, 1, SAYS_DELAY, false},
        {"5 a second after 400 ms, in ms", 5, 5, 1000, 400, 1, SAYS_DELAY, false},
        {"5 a second, a date", 5, 5, 1000, 50, 1000, SAYS_DATE, false},
        {"5 a second after 400 ms, a date", 5, 5, 1000, 400, 1000, SAYS_DATE, false},
        {"5 a second, from anew, a date", 5, 5, 1000, 50, 1000, SAYS_DATE, true},
        {"5 a second, 10 at once", 5, 10, 1000, 50, 1000, SAYS_DELAY, false},
        {"300 a minute, 5 at once", 300, 5, 60000, 50, 1000, SAYS_DELAY, false},
        {"300 a minute, 5 at once, 400 ms", 300, 5, 60000, 400, 1000, SAYS_DELAY, false},
    };
    check_use(servers, sizeof servers / sizeof *servers, true, (struct refusals){0, 0});
}

/* These are more than it allows at once. */
static void callers_that_begin_all_at_once_are_refused_then_only(void **state)
{
    (void)state;
    static const struct server servers[] = {
        {"5 a second", 5, 5, 1000, 50, 1000, SAYS_DELAY, false},
        {"5 a second, in ms", 5, 5, 1000, 50, 1, SAYS_DELAY, false},
        {"5 a second, 10 at once", 5, 10, 1000, 50, 1000, SAYS_DELAY, false},
        {"300 a minute, 5 at once", 300, 5, 60000, 50, 1000, SAYS_DELAY, false},
    };
    check_use(servers, sizeof servers / sizeof *servers, false, (struct refusals){CALLERS, 0});
}

/* In the first window its limit is met for the first time, with all callers' requests under way. */
static void the_pace_of_a_server_that_tells_nothing_is_found(void **state)
{
    (void)state;
    static const struct server servers[] = {
        {"100 a minute", 100, 120, 60000, 50, 1000, SAYS_RETRY_AFTER, false},
        {"100 a minute, in ms", 100, 120, 60000, 50, 1, SAYS_RETRY_AFTER, false},
        {"100 a minute after 400 ms", 100, 120, 60000, 400, 1000, SAYS_RETRY_AFTER, false},
        {"100 a minute after 800 ms", 100, 120, 60000, 800, 1000, SAYS_RETRY_AFTER, false},
        {"100 a minute, from anew", 100, 100, 60000, 50, 1000, SAYS_RETRY_AFTER, true},
        {"100 in 6 s", 100, 120, 6000, 50, 1000, SAYS_RETRY_AFTER, false},
        {"1,000 a minute", 1000, 1200, 60000, 50, 1000, SAYS_RETRY_AFTER, false},
        {"5 a second", 5, 5, 1000, 50, 1000, SAYS_RETRY_AFTER, false},
        {"5 a second after 90 ms", 5, 5, 1000, 90, 1000, SAYS_RETRY_AFTER, false},
        {"5 a second after 170 ms", 5, 5, 1000, 170, 1000, SAYS_RETRY_AFTER, false},
        {"5 a second after 400 ms", 5, 5, 1000, 400, 1000, SAYS_RETRY_AFTER, false},
        {"100 a minute, no Retry-After", 100, 120, 60000, 50, 1000, SAYS_NOTHING, false},
        {"5 a second, no Retry-After", 5, 5, 1000, 50, 1000, SAYS_NOTHING, false},
        {"10 a minute, no Retry-After", 10, 12, 60000, 50, 1000, SAYS_NOTHING, false},
    };
    check_use(servers, sizeof servers / sizeof *servers, true, (struct refusals){3 * CALLERS, 1});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_tells_what_is_left_is_used_without_a_429),
        cmocka_unit_test(callers_that_begin_all_at_once_are_refused_then_only),
        cmocka_unit_test(the_pace_of_a_server_that_tells_nothing_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
