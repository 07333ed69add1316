/* The pump from both of its sides. Nothing here depends on how long something takes; the alarm
 * only ends what hangs. Under ThreadSanitizer it also shows that the two sides share nothing
 * unguarded. */
#include "pump.h"

#include "clock.h"
#include "engine_server.h"
#include "process.h"
#include "transfer.h"
#include "waiters.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#define LONG_MS 100000

static struct ait_pump *pump;
static int bell; /* of the pump that was closed */

static int new_pump(void **state)
{
    const struct ait_settings settings = {
        .user_agent = "pump-test",
        .secret = "secret",
        .proxy = "",
        .connect_timeout_ms = LONG_MS,
        .max_response_bytes = 1000,
        .connections = 8,
    };

    (void)state;
    atomic_store(&server.hung, 0);
    atomic_store(&server.closed, 0);
    pump = ait_pump_new(&settings);
    return pump == NULL;
}

static int threads(void)
{
    DIR *folder = opendir("/proc/self/task");
    int n = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL)
        n++;
    (void)closedir(folder);
    return n;
}

static void close_pump(void)
{
    bell = ait_pump_close(pump);
    pump = NULL;
    if (bell >= 0)
        (void)close(bell);
}

static int free_pump(void **state)
{
    (void)state;
    if (pump != NULL)
        close_pump();
    return 0;
}

static void add(uint64_t id, const char *path, bool post)
{
    struct ait_request request;
    char url[100];
    int n = snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server.port, path);

    ait_request_init(&request);
    request.post = post;
    request.repeatable = !post;
    assert_int_equal(ait_request_append(&request, url, (size_t)n), AIT_OK);
    assert_int_equal(ait_request_end_url(&request), AIT_OK);
    if (post)
        assert_int_equal(ait_buffer_append_string(&request.body, "{\"a\":1}"), AIT_OK);
    assert_true(ait_pump_add(pump, id, &request, LONG_MS));
    ait_request_wipe(&request);
    ait_pump_flush(pump);
}

static const struct ait_outcome *await(uint64_t *id)
{
    const struct ait_outcome *outcome;

    while ((outcome = ait_pump_finished(pump, id)) == NULL)
        ait_pump_step(pump, LONG_MS);
    return outcome;
}

static void await_answer(uint64_t id, size_t size)
{
    uint64_t found;
    const struct ait_outcome *outcome = await(&found);

    assert_int_equal(found, id);
    assert_int_equal(outcome->failure, AIT_FAILURE_NONE);
    assert_int_equal(outcome->status, 201);
    assert_int_equal(outcome->body.size, size);
    ait_pump_release(pump);
}

static void await_hung(int requests)
{
    while (atomic_load(&server.hung) < requests)
        ait_pump_step(pump, 10);
}

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd end = {.fd = fd, .events = POLLIN};

    return poll(&end, 1, timeout_ms) == 1;
}

/* -- who moves the engine -- */

static void it_works_with_and_without_a_thread(void **state)
{
    int before = threads();

    (void)state;
    add(1, "/sized/1", true);
    await_answer(1, 1);
    assert_false(ait_pump_runs(pump));
    assert_int_equal(threads(), before);
    assert_true(ait_pump_fd(pump) >= 0);
    assert_true(ait_pump_runs(pump));
    assert_int_equal(threads(), before + 1);
    add(2, "/sized/2", true);
    await_answer(2, 2);
}

static void what_was_open_before_the_thread_goes_on_in_it(void **state)
{
    bool begun;

    (void)state;
    add(1, "/hang", true);
    add(2, "/hang", false);
    await_hung(2);
    add(3, "/sized/3", true); /* which has not begun */
    assert_true(ait_pump_fd(pump) >= 0);
    await_answer(3, 3);
    add(4, "/sized/4", true);
    await_answer(4, 4);
    assert_true(ait_pump_cancel(pump, 1, &begun));
    assert_true(begun);
    assert_true(ait_pump_cancel(pump, 2, &begun));
    assert_false(ait_pump_cancel(pump, 2, &begun));
}

static void the_descriptor_is_readable_while_there_is_something_to_do(void **state)
{
    int fd = ait_pump_fd(pump);
    uint64_t id;

    (void)state;
    assert_true(is_readable(fd, 0)); /* a thread that is new knows of nothing yet */
    ait_pump_step(pump, 0);
    assert_false(is_readable(fd, 0));
    add(1, "/sized/1", true);
    assert_true(is_readable(fd, -1));
    assert_int_equal(ait_pump_fd(pump), fd);
    ait_pump_step(pump, 0);
    assert_false(is_readable(fd, 0));
    assert_non_null(ait_pump_finished(pump, &id));
    ait_pump_release(pump);
    ait_pump_stir(pump);
    assert_true(is_readable(fd, 0));
    ait_pump_step(pump, LONG_MS);
    assert_false(is_readable(fd, 0));
}

static void the_thread_keeps_the_time(void **state)
{
    int fd = ait_pump_fd(pump);
    int64_t at_ms = ait_clock_now_ms() + 20;

    (void)state;
    ait_pump_step(pump, 0);
    ait_pump_alarm(pump, at_ms + LONG_MS, 1);
    ait_pump_alarm(pump, at_ms, 1); /* earlier than what it waits for */
    assert_true(is_readable(fd, -1));
    assert_true(ait_clock_now_ms() >= at_ms);
    ait_pump_step(pump, LONG_MS);
    assert_false(is_readable(fd, 0));
}

/* -- cancelling -- */

static void cancelling_tells_whether_the_request_may_have_left(void **state)
{
    uint64_t id;
    bool begun = true;

    (void)state;
    assert_true(ait_pump_fd(pump) >= 0);
    assert_false(ait_pump_cancel(pump, 1, &begun));
    add(1, "/hang", true);
    await_hung(1);
    assert_true(ait_pump_cancel(pump, 1, &begun));
    assert_true(begun);
    add(2, "/sized/2", true);
    (void)await(&id);
    assert_true(ait_pump_cancel(pump, 2, &begun));
    assert_true(begun);
    assert_null(ait_pump_finished(pump, &id));
    assert_false(ait_pump_cancel(pump, 2, &begun));
}

/* Whatever the cancelling thread is told, the server must agree with. */
static void what_is_said_not_to_have_begun_never_reaches_the_server(void **state)
{
    int may_have_left = 0;

    (void)state;
    assert_true(ait_pump_fd(pump) >= 0);
    add(1000, "/sized/1", true); /* a connection that the others find open */
    await_answer(1000, 1);
    for (uint64_t id = 1; id <= 500; id++) {
        bool begun;

        add(id, "/hang", true);
        for (uint64_t i = 0; i < id % 7 * 40; i++)
            atomic_signal_fence(memory_order_seq_cst); /* to be early and late by turns */
        assert_true(ait_pump_cancel(pump, id, &begun));
        may_have_left += begun;
    }
    add(2000, "/sized/2", true);
    await_answer(2000, 2);
    assert_true(atomic_load(&server.hung) <= may_have_left);
}

static void every_attempt_ends_once(void **state)
{
    enum { ATTEMPTS = 2000, AT_ONCE = 8 };
    static int ends[ATTEMPTS + 1];
    uint64_t next = 1, id;
    int open = 0, done = 0;
    bool begun;

    (void)state;
    memset(ends, 0, sizeof ends);
    assert_true(ait_pump_fd(pump) >= 0);
    while (done < ATTEMPTS) {
        while (open < AT_ONCE && next <= ATTEMPTS) {
            add(next++, "/sized/3", true);
            open++;
        }
        if (next % 5 == 0 && ait_pump_cancel(pump, next - 1, &begun)) {
            ends[next - 1]++;
            open--, done++;
            continue;
        }
        (void)await(&id);
        ait_pump_release(pump);
        ends[id]++;
        open--, done++;
    }
    for (int i = 1; i <= ATTEMPTS; i++)
        assert_int_equal(ends[i], 1);
}

/* -- callers that are parked on a socket -- */

static int connect_caller(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    uint64_t serial;
    int address = ait_pump_listen(pump, &serial);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(address >= 0 && fd >= 0);
    (void)snprintf(name.sun_path, sizeof name.sun_path, "/proc/self/fd/%d", address);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

static void park(int fd, uint64_t id)
{
    const struct ait_message message = {.id = id, .epoch = ait_pump_epoch(pump)};

    assert_int_equal(send(fd, &message, sizeof message, MSG_NOSIGNAL), sizeof message);
}

static void await_byte(int fd)
{
    char byte;

    assert_int_equal(recv(fd, &byte, 1, 0), 1);
}

static void a_caller_is_told_of_its_own_attempt(void **state)
{
    int one = connect_caller(), other = connect_caller();

    (void)state;
    ait_pump_step(pump, 0);
    park(other, 7);
    add(1, "/sized/1", true);
    park(one, 1);
    await_byte(one);
    await_answer(1, 1);
    assert_false(is_readable(other, 0));
    ait_pump_ring(pump, 7);
    await_byte(other);
    (void)close(one);
    (void)close(other);
}

/* The message is on its way while another caller's step takes in what it is about. */
static void a_caller_that_parks_too_late_is_told_at_once(void **state)
{
    int fd = connect_caller();
    struct ait_message message = {.id = 1, .epoch = ait_pump_epoch(pump)};

    (void)state;
    add(1, "/sized/1", true);
    await_answer(1, 1);
    assert_int_equal(send(fd, &message, sizeof message, MSG_NOSIGNAL), sizeof message);
    await_byte(fd);
    ait_pump_step(pump, 0);
    message = (struct ait_message){.id = 2, .epoch = ait_pump_epoch(pump)};
    ait_pump_ring(pump, 2);
    assert_int_equal(send(fd, &message, sizeof message, MSG_NOSIGNAL), sizeof message);
    await_byte(fd);
    (void)close(fd);
}

static void one_that_looks_after_all_is_told_of_what_nobody_waits_for(void **state)
{
    int fd = connect_caller();

    (void)state;
    ait_pump_step(pump, 0);
    park(fd, AIT_WAITER_ANY);
    add(1, "/sized/1", true);
    await_byte(fd);
    await_answer(1, 1);
    park(fd, AIT_WAITER_ANY);
    ait_pump_alarm(pump, ait_clock_now_ms(), 9);
    await_byte(fd);
    (void)close(fd);
}

static void a_caller_that_is_gone_takes_its_attempt_along(void **state)
{
    int fd = connect_caller(), other = connect_caller();
    uint64_t id;
    bool begun;

    (void)state;
    ait_pump_step(pump, 0);
    park(other, 2);
    add(1, "/hang", true);
    await_hung(1);
    park(fd, 1);
    (void)close(fd);
    await_byte(other); /* somebody must see to it */
    assert_true(ait_pump_gone(pump, &id));
    assert_int_equal(id, 1);
    assert_false(ait_pump_gone(pump, &id));
    assert_true(ait_pump_cancel(pump, 1, &begun));
    assert_true(begun);
    assert_null(ait_pump_finished(pump, &id));
    (void)close(other);
}

static void nothing_stays_in_a_folder_and_other_processes_are_turned_away(void **state)
{
    char folder[] = "/tmp/pump_test-XXXXXX";
    int address;
    uint64_t serial;
    int status;
    pid_t child;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(setenv("TMPDIR", folder, 1), 0);
    address = ait_pump_listen(pump, &serial);
    assert_true(address >= 0);
    assert_int_equal(rmdir(folder), 0); /* which fails where something is in it */
    assert_int_equal(unsetenv("TMPDIR"), 0);

    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        char byte;

        (void)snprintf(name.sun_path, sizeof name.sun_path, "/proc/self/fd/%d", address);
        _exit(connect(fd, (struct sockaddr *)&name, sizeof name) != 0 ||
              recv(fd, &byte, 1, 0) != 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* -- ends -- */

static void a_pump_can_be_closed_at_any_time(void **state)
{
    int before = threads();
    uint64_t id;

    for (int i = 0; i < 20; i++) {
        assert_true(ait_pump_fd(pump) >= 0);
        add(1, "/sized/1", true);
        (void)await(&id);
        ait_pump_release(pump); /* else no step waits, and under valgrind no other thread runs */
        add(2, "/hang", true);
        if (i % 2 == 0)
            await_hung(1);
        close_pump();
        assert_int_equal(new_pump(state), 0);
    }
    while (threads() > before) /* none of them was waited for */
        (void)poll(NULL, 0, 1);
}

static void the_descriptor_stays_readable_when_all_is_over(void **state)
{
    int fd = ait_pump_fd(pump);

    (void)state;
    ait_pump_step(pump, 0);
    assert_int_equal(ait_pump_close(pump), fd);
    pump = NULL;
    assert_true(is_readable(fd, -1));
    (void)close(fd);
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
static void a_child_leaves_what_is_open_to_its_parent(void **state)
{
    int status;
    pid_t child;

    (void)state;
    assert_true(ait_pump_fd(pump) >= 0);
    add(1, "/sized/1", true);
    await_answer(1, 1);
    add(2, "/hang", true);
    await_hung(1);
    assert_false(ait_pump_forked(pump));
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool fine = ait_pump_forked(pump);

        ait_pump_abandon(pump);
        fine = fine && !ait_pump_forked(pump) && !ait_pump_runs(pump);
        add(1, "/sized/4", true);
        await_answer(1, 4);
        fine = fine && ait_pump_fd(pump) >= 0;
        add(2, "/sized/5", true);
        await_answer(2, 5);
        exit(!fine); /* with its thread, which must end in time */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    add(3, "/sized/3", true);
    await_answer(3, 3);
    assert_int_equal(atomic_load(&server.closed), 0);
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_pump, free_pump)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_works_with_and_without_a_thread),
        TEST(what_was_open_before_the_thread_goes_on_in_it),
        TEST(the_descriptor_is_readable_while_there_is_something_to_do),
        TEST(the_thread_keeps_the_time),
        TEST(cancelling_tells_whether_the_request_may_have_left),
        TEST(what_is_said_not_to_have_begun_never_reaches_the_server),
        TEST(every_attempt_ends_once),
        TEST(a_caller_is_told_of_its_own_attempt),
        TEST(a_caller_that_parks_too_late_is_told_at_once),
        TEST(one_that_looks_after_all_is_told_of_what_nobody_waits_for),
        TEST(a_caller_that_is_gone_takes_its_attempt_along),
        TEST(nothing_stays_in_a_folder_and_other_processes_are_turned_away),
        TEST(a_pump_can_be_closed_at_any_time),
        TEST(the_descriptor_stays_readable_when_all_is_over),
/* A sanitizer's allocator may be locked by another thread at the fork, and stays so in the child;
 * nor can it follow threads that begin after one. */
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
        TEST(a_child_leaves_what_is_open_to_its_parent),
#endif
    };
    if (ait_process_start() != NULL)
        return 1;
    (void)alarm(300);
    start_server();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    stop_server();
    return failed;
}
