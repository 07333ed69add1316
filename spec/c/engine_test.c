/* Nothing here depends on how long something takes; the alarm only ends what hangs. */
#include "engine.h"

#include "engine_server.h"
#include "transfer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MAX_RESPONSE 1000
#define LONG_MS 100000
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct ait_engine *engine;

static int new_engine(void **state)
{
    static const char *const headers[] = {"X-Extra: yes", NULL};
    const struct ait_settings settings = {
        .user_agent = "engine-test",
        .secret = "secret",
        .headers = headers,
        .proxy = "",
        .connect_timeout_ms = LONG_MS,
        .max_response_bytes = MAX_RESPONSE,
        .connections = 4,
    };

    (void)state;
    atomic_store(&server.hung, 0);
    atomic_store(&server.closed, 0);
    engine = ait_engine_new(&settings);
    return engine == NULL;
}

static int free_engine(void **state)
{
    (void)state;
    ait_engine_free(engine);
    return 0;
}

static void add_url(uint64_t id, const char *url, bool post)
{
    struct ait_request request;

    ait_request_init(&request);
    request.post = post;
    request.repeatable = !post;
    assert_int_equal(ait_request_append(&request, url, strlen(url)), AIT_OK);
    assert_int_equal(ait_request_end_url(&request), AIT_OK);
    if (post)
        assert_int_equal(ait_buffer_append_string(&request.body, "{\"a\":1}"), AIT_OK);
    assert_true(ait_engine_add(engine, id, &request, LONG_MS, NULL));
    ait_request_wipe(&request); /* it is copied */
}

static void add_at(uint64_t id, int port, const char *path, bool post)
{
    char url[100];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    add_url(id, url, post);
}

static void add_post(uint64_t id, const char *path)
{
    add_at(id, server.port, path, true);
}

/* The next outcome, which must be this id's. */
static const struct ait_outcome *await(uint64_t id)
{
    const struct ait_outcome *outcome;
    uint64_t found;

    while ((outcome = ait_engine_finished(engine, &found)) == NULL)
        ait_engine_step(engine, LONG_MS, -1);
    assert_int_equal(found, id);
    return outcome;
}

static void await_answer(uint64_t id, size_t size)
{
    const struct ait_outcome *outcome = await(id);

    assert_int_equal(outcome->failure, AIT_FAILURE_NONE);
    assert_true(outcome->begun);
    assert_int_equal(outcome->status, 201);
    assert_true(outcome->headers.ended);
    assert_int_equal(outcome->body.size, size);
    assert_string_equal(outcome->text, "");
    ait_engine_release(engine);
}

static void await_failure(uint64_t id, enum ait_failure failure, bool begun, int status)
{
    const struct ait_outcome *outcome = await(id);

    assert_int_equal(outcome->failure, failure);
    assert_int_equal(outcome->begun, begun);
    assert_int_equal(outcome->status, status);
    assert_string_not_equal(outcome->text, "");
    ait_engine_release(engine);
}

static void await_hung(int requests)
{
    while (atomic_load(&server.hung) < requests)
        ait_engine_step(engine, 10, -1);
}

static void assert_nothing_finished(void)
{
    uint64_t id = 77;

    assert_null(ait_engine_finished(engine, &id));
    assert_int_equal(id, 77);
}

/* -- tests -- */

static void an_outcome_stays_first_until_it_is_released(void **state)
{
    (void)state;
    assert_nothing_finished();
    add_post(5, "/sized/3");
    assert_nothing_finished();
    const struct ait_outcome *outcome = await(5);
    assert_memory_equal(outcome->body.data, "xxx", 3);
    ait_engine_step(engine, 0, -1);
    assert_ptr_equal(await(5), outcome);
    await_answer(5, 3);
    assert_nothing_finished();
}

static void outcomes_come_as_they_finish_under_their_own_ids(void **state)
{
    (void)state;
    add_post(UINT64_MAX, "/hang");
    await_hung(1);
    add_post(2, "/sized/2");
    await_answer(2, 2);
    add_post(1, "/sized/1");
    await_answer(1, 1);
    assert_nothing_finished();
}

static void outcomes_wait_in_the_order_in_which_they_came(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= 3; id++)
        add_url(id, "http://[", true); /* ends as soon as libcurl looks at it */
    for (uint64_t id = 1; id <= 3; id++)
        await_failure(id, AIT_FAILURE_URL, false, 0);
    assert_nothing_finished();
}

static void assert_sent(bool expected, const char *text)
{
    pthread_mutex_lock(&server.lock);
    bool found = strstr(server.request, text) != NULL;
    pthread_mutex_unlock(&server.lock);
    if (found != expected)
        fail_msg("%s: %s", expected ? "missing" : "sent", text);
}

static void the_request_carries_what_it_should_and_no_more(void **state)
{
    (void)state;
    static const char *const lines[] = {"\r\nX-API-Key: secret\r\n", "\r\nX-Extra: yes\r\n",
                                        "\r\nAccept: application/json\r\n",
                                        "\r\nUser-Agent: engine-test\r\n"};
    for (int post = 0; post <= 1; post++) {
        add_at(1, server.port, "/sized/1", post);
        await_answer(1, 1);
        for (size_t i = 0; i < COUNT(lines); i++)
            assert_sent(true, lines[i]);
        assert_sent(!post, "GET /sized/1 HTTP/1.1\r\n");
        assert_sent(post, "POST /sized/1 HTTP/1.1\r\n");
        assert_sent(post, "\r\nContent-Type: application/json\r\n");
        assert_sent(post, "\r\n\r\n{\"a\":1}");
    }
}

static void what_was_never_begun_says_so_and_its_handle_works_again(void **state)
{
    (void)state;
    int port;
    int silent = bind_loopback(&port); /* does not listen */
    add_at(1, port, "/", true);
    const struct ait_outcome *failed = await(1);
    await_failure(1, AIT_FAILURE_CONNECT, false, 0);
    add_post(2, "/sized/7");
    assert_ptr_equal(await(2), failed);
    await_answer(2, 7);
    (void)close(silent);
}

static void a_reply_cut_short_keeps_its_status(void **state)
{
    (void)state;
    add_post(1, "/cut");
    await_failure(1, AIT_FAILURE_TRUNCATED, true, 201);
}

static void a_response_may_be_as_large_as_the_maximum_and_no_larger(void **state)
{
    (void)state;
    static const char *const fitting[] = {"/sized/1000", "/unsized/1000"};
    static const char *const too_large[] = {"/sized/1001", "/unsized/1001", "/unsized/2000"};

    for (size_t i = 0; i < COUNT(fitting); i++) {
        add_post(i, fitting[i]);
        await_answer(i, MAX_RESPONSE);
    }
    for (size_t i = 0; i < COUNT(too_large); i++) {
        add_post(i, too_large[i]);
        await_failure(i, AIT_FAILURE_RESPONSE_TOO_LARGE, true, 201);
    }
}

/* libcurl takes a hang-up on a connection that it had used before for a reason to send again. */
static void a_post_is_sent_once_even_where_libcurl_would_send_it_again(void **state)
{
    (void)state;
    add_post(1, "/sized/1");
    await_answer(1, 1);
    add_post(2, "/close");
    await_failure(2, AIT_FAILURE_RESEND, true, 0);
    assert_int_equal(atomic_load(&server.closed), 1);
}

static void a_repeatable_request_is_left_to_libcurl(void **state)
{
    (void)state;
    add_post(1, "/sized/1");
    await_answer(1, 1);
    add_at(2, server.port, "/close", false);
    await_failure(2, AIT_FAILURE_RESET, true, 0);
    assert_int_equal(atomic_load(&server.closed), 2);
}

static void cancelling_tells_whether_the_request_may_have_left(void **state)
{
    (void)state;
    bool begun = true;
    add_post(1, "/hang");
    assert_true(ait_engine_cancel(engine, 1, &begun));
    assert_false(begun);
    add_post(2, "/hang");
    await_hung(1);
    assert_true(ait_engine_cancel(engine, 2, &begun));
    assert_true(begun);
    assert_nothing_finished();
    assert_int_equal(atomic_load(&server.hung), 1);
}

static void a_finished_transfer_can_be_cancelled_too(void **state)
{
    (void)state;
    bool begun = false;
    add_post(1, "/sized/1");
    (void)await(1);
    assert_true(ait_engine_cancel(engine, 1, &begun));
    assert_true(begun);
    assert_nothing_finished();
    begun = false;
    assert_false(ait_engine_cancel(engine, 1, &begun));
    assert_false(begun);
}

static void cancelling_one_leaves_the_others_open(void **state)
{
    (void)state;
    bool begun;
    for (uint64_t id = 1; id <= 3; id++)
        add_post(id, "/hang");
    await_hung(3);
    assert_true(ait_engine_cancel(engine, 2, &begun));
    assert_false(ait_engine_cancel(engine, 2, &begun));
    add_post(2, "/sized/2");
    await_answer(2, 2);
    assert_true(ait_engine_cancel(engine, 3, &begun));
    assert_true(ait_engine_cancel(engine, 1, &begun));
}

/* What is open, finished and idle goes with it: the sanitizers see what is left. */
static void an_engine_can_be_freed_at_any_time(void **state)
{
    (void)state;
    add_post(1, "/sized/1");
    await_answer(1, 1);
    add_post(2, "/sized/2");
    (void)await(2);
    add_post(3, "/hang");
    add_post(4, "/hang");
    ait_engine_free(engine);
    ait_engine_free(NULL);
    assert_int_equal(new_engine(state), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_engine, free_engine)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_outcome_stays_first_until_it_is_released),
        TEST(outcomes_come_as_they_finish_under_their_own_ids),
        TEST(outcomes_wait_in_the_order_in_which_they_came),
        TEST(the_request_carries_what_it_should_and_no_more),
        TEST(what_was_never_begun_says_so_and_its_handle_works_again),
        TEST(a_reply_cut_short_keeps_its_status),
        TEST(a_response_may_be_as_large_as_the_maximum_and_no_larger),
        TEST(a_post_is_sent_once_even_where_libcurl_would_send_it_again),
        TEST(a_repeatable_request_is_left_to_libcurl),
        TEST(cancelling_tells_whether_the_request_may_have_left),
        TEST(a_finished_transfer_can_be_cancelled_too),
        TEST(cancelling_one_leaves_the_others_open),
        TEST(an_engine_can_be_freed_at_any_time),
    };
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return 1;
    (void)alarm(300);
    start_server();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    stop_server();
    curl_global_cleanup();
    return failed;
}
