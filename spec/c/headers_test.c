#include "headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WALL INT64_C(1764167400000) /* 2025-11-26T14:30:00Z */
#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)
#define YEAR_MS (365 * DAY_MS)
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* One test claims memory that can't be had, which ASan makes fatal unasked. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static struct ait_headers headers;

static int set_up(void **state)
{
    (void)state;
    ait_headers_init(&headers);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ait_headers_free(&headers);
    return 0;
}

static void take(const char *line)
{
    assert_int_equal(ait_headers_line(&headers, line, strlen(line)), AIT_OK);
}

static void start_anew(const char *line)
{
    ait_headers_clear(&headers);
    take("HTTP/1.1 429 Too Many Requests\r\n");
    take(line);
}

static void assert_kept(const char *name, const char *value)
{
    const char *found = ait_headers_find(&headers, name);
    assert_non_null(found);
    assert_string_equal(found, value);
}

static void assert_keeps_nothing(void)
{
    struct ait_header header = {.value = "as it was"};
    assert_null(ait_headers_next(&headers, NULL, &header));
    assert_string_equal(header.value, "as it was");
}

/* -- lines -- */

static void keeps_fields_in_order_under_lower_case_names(void **state)
{
    (void)state;
    take("HTTP/2 201 \r\n");
    take("X-Request-ID: req_1\r\n");
    take("Set-Cookie: a=1\r\n");
    take("set-cookie: B=2\r\n");
    take("Empty:\r\n");
    const char *const expected[][2] = {
        {"x-request-id", "req_1"}, {"set-cookie", "a=1"}, {"set-cookie", "B=2"}, {"empty", ""}};
    struct ait_header header = {.name = NULL};
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_non_null(ait_headers_next(&headers, header.name, &header));
        assert_string_equal(header.name, expected[i][0]);
        assert_string_equal(header.value, expected[i][1]);
        assert_int_equal(header.name_size, strlen(header.name));
        assert_int_equal(header.value_size, strlen(header.value));
    }
    assert_null(ait_headers_next(&headers, header.name, &header));
    assert_string_equal(header.value, "");
    assert_int_equal(headers.kept_lines, COUNT(expected));
}

static void find_gives_the_first_of_several_and_null_for_none(void **state)
{
    (void)state;
    assert_null(ait_headers_find(&headers, "set-cookie"));
    take("Set-Cookie: a=1\r\n");
    take("Set-Cookie: b=2\r\n");
    assert_kept("set-cookie", "a=1");
    assert_null(ait_headers_find(&headers, "set-cooki"));
    assert_null(ait_headers_find(&headers, "a=1"));
}

static void the_line_end_may_be_missing_or_short(void **state)
{
    (void)state;
    take("a: 1\r\n");
    take("b: 2\n");
    take("c: 3\r");
    take("d: 4");
    assert_kept("a", "1");
    assert_kept("b", "2");
    assert_kept("c", "3");
    assert_kept("d", "4");
}

static void a_line_is_read_no_further_than_its_length(void **state)
{
    (void)state;
    assert_int_equal(ait_headers_line(&headers, "a: 123", 4), AIT_OK);
    assert_kept("a", "1");
    assert_int_equal(ait_headers_line(&headers, "HTTP/1.1", 4), AIT_OK);
    assert_kept("a", "1");
    assert_int_equal(ait_headers_line(&headers, NULL, 0), AIT_OK);
    assert_true(headers.ended);
}

static void blanks_around_a_value_are_dropped_and_within_kept(void **state)
{
    (void)state;
    take("a: \t one\t two \t\r\n");
    take("b:three\r\n");
    take("c: \t \r\n");
    assert_kept("a", "one\t two");
    assert_kept("b", "three");
    assert_kept("c", "");
}

static void every_token_character_may_stand_in_a_name(void **state)
{
    (void)state;
    take("!#$%&'*+-.^_`|~09azAZ: yes\r\n");
    assert_kept("!#$%&'*+-.^_`|~09azaz", "yes");
}

static void values_may_hold_bytes_beyond_ascii(void **state)
{
    (void)state;
    take("a: caf\xc3\xa9 \xff\r\n");
    assert_kept("a", "caf\xc3\xa9 \xff");
}

static void a_line_that_is_no_field_is_counted_and_not_kept(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "no colon\r\n",     ": no name\r\n", "spa ce: x\r\n",   "before : x\r\n", " folded: x\r\n",
        "\tfolded\r\n",     "par(en: x\r\n", "\xc3\xa9: x\r\n", "a: b\rc\r\n",    "a: b\nc\r\n",
        "a: \x1b[31m\r\n",  "a: \x7f\r\n",   "a: twice\r\r\n",  "\x01: x\r\n",    "token-only\r\n",
        "http/1.1 200\r\n", "a: \x01\r\n",
    };
    size_t bytes = 0;
    for (size_t i = 0; i < COUNT(lines); i++) {
        take(lines[i]);
        bytes += strlen(lines[i]);
        assert_keeps_nothing();
    }
    assert_int_equal(headers.seen_lines, COUNT(lines));
    assert_int_equal(headers.seen_bytes, bytes);
    assert_false(headers.ended);
}

static void a_nul_in_name_or_value_drops_the_line(void **state)
{
    (void)state;
    assert_int_equal(ait_headers_line(&headers, "a: b\0c\r\n", 8), AIT_OK);
    assert_int_equal(ait_headers_line(&headers, "a\0: b\r\n", 7), AIT_OK);
    assert_keeps_nothing();
}

static void a_status_line_drops_the_response_before(void **state)
{
    (void)state;
    take("HTTP/1.1 103 Early Hints\r\n");
    take("X-Request-ID: early\r\n");
    take("\r\n");
    assert_true(headers.ended);
    take("HTTP/1.1 201 Created\r\n");
    assert_false(headers.ended);
    assert_keeps_nothing();
    take("a: 1\r\n");
    take("HTTP/\r\n");
    assert_keeps_nothing();
    take("Date: now\r\n");
    assert_null(ait_headers_request_id(&headers));
    assert_kept("date", "now");
    assert_int_equal(headers.seen_lines, 7);
}

static void trailers_are_counted_and_not_kept(void **state)
{
    (void)state;
    take("HTTP/1.1 200 OK\r\n");
    take("a: 1\r\n");
    take("\r\n");
    take("a: 2\r\n");
    take("b: 3\r\n");
    assert_kept("a", "1");
    assert_null(ait_headers_find(&headers, "b"));
    assert_int_equal(headers.seen_lines, 5);
}

static void clear_makes_ready_for_the_next_attempt(void **state)
{
    (void)state;
    take("a: 1\r\n");
    take("\r\n");
    ait_headers_clear(&headers);
    assert_keeps_nothing();
    assert_int_equal(headers.seen_lines, 0);
    assert_int_equal(headers.seen_bytes, 0);
    assert_false(headers.ended);
    take("b: 2\r\n");
    assert_kept("b", "2");
}

static void free_leaves_headers_that_can_be_used_again(void **state)
{
    (void)state;
    take("a: 1\r\n");
    ait_headers_free(&headers);
    assert_null(headers.kept.data);
    assert_keeps_nothing();
    take("b: 2\r\n");
    assert_kept("b", "2");
}

/* -- limits -- */

static void the_line_after_the_last_allowed_is_too_much(void **state)
{
    (void)state;
    for (size_t i = 0; i < AIT_HEADERS_MAX_LINES; i++)
        take("HTTP/1.1 100 Continue\r\n");
    assert_int_equal(ait_headers_line(&headers, "a: 1", 4), AIT_TOO_LARGE);
    assert_keeps_nothing();
    assert_int_equal(headers.seen_lines, AIT_HEADERS_MAX_LINES);
}

static void the_byte_after_the_last_allowed_is_too_much(void **state)
{
    (void)state;
    static char line[AIT_HEADERS_MAX_BYTES + 1];
    memset(line, 'v', sizeof line);
    line[0] = 'a';
    line[1] = ':';
    assert_int_equal(ait_headers_line(&headers, line, sizeof line), AIT_TOO_LARGE);
    assert_int_equal(ait_headers_line(&headers, line, SIZE_MAX), AIT_TOO_LARGE);
    assert_keeps_nothing();
    assert_int_equal(headers.seen_bytes, 0);

    assert_int_equal(ait_headers_line(&headers, line, sizeof line - 4), AIT_OK);
    assert_int_equal(strlen(ait_headers_find(&headers, "a")), sizeof line - 6);
    assert_int_equal(ait_headers_line(&headers, "b: 1", 4), AIT_TOO_LARGE);
    assert_int_equal(ait_headers_line(&headers, "b:1", 3), AIT_OK);
    assert_kept("b", "1");
    assert_int_equal(headers.seen_bytes, AIT_HEADERS_MAX_BYTES);
}

static void lines_that_are_not_kept_count_against_the_limits(void **state)
{
    (void)state;
    static char junk[AIT_HEADERS_MAX_BYTES];
    memset(junk, ' ', sizeof junk);
    assert_int_equal(ait_headers_line(&headers, junk, sizeof junk), AIT_OK);
    take("");
    assert_int_equal(ait_headers_line(&headers, "a", 1), AIT_TOO_LARGE);
}

static void all_lines_within_the_limits_find_room(void **state)
{
    (void)state;
    static char line[AIT_HEADERS_MAX_BYTES / AIT_HEADERS_MAX_LINES];
    memset(line, 'v', sizeof line);
    line[0] = 'a';
    line[1] = ':';
    for (size_t i = 0; i < AIT_HEADERS_MAX_LINES; i++)
        assert_int_equal(ait_headers_line(&headers, line, sizeof line), AIT_OK);
    assert_int_equal(headers.kept.size, headers.kept.maximum);
}

static void without_memory_nothing_is_kept(void **state)
{
    (void)state;
    /* A buffer that claims a quarter of all memory: the half that it needs next can't be had. */
    const size_t quarter = PTRDIFF_MAX / 2;
    headers.kept.maximum = PTRDIFF_MAX;
    headers.kept.capacity = quarter;
    headers.kept.size = quarter;
    assert_int_equal(ait_headers_line(&headers, "a: 1", 4), AIT_NO_MEMORY);
    assert_true(headers.kept.size == quarter);
    ait_buffer_free(&headers.kept);
}

static void a_field_is_kept_whole_or_not_at_all(void **state)
{
    (void)state;
    headers.kept.maximum = 9 + 2 * AIT_HEADERS_NOTE;
    take("a: 1\r\n");
    static const char *const lines[] = {"toolong: 1", "four: 1", "four:", "abc: 4"};
    for (size_t i = 0; i < COUNT(lines); i++) {
        enum ait_status status = ait_headers_line(&headers, lines[i], strlen(lines[i]));
        assert_int_equal(status, AIT_TOO_LARGE);
        assert_int_equal(headers.kept.size, 4 + AIT_HEADERS_NOTE);
    }
    take("b: 23\r\n");
    assert_kept("b", "23");
}

/* -- what they say -- */

static void the_request_id_is_that_of_x_request_id(void **state)
{
    (void)state;
    assert_null(ait_headers_request_id(&headers));
    take("X-Request-Id: req_7\r\n");
    assert_string_equal(ait_headers_request_id(&headers), "req_7");
}

static void retry_after_is_read_as_seconds_or_date(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t ms;
    } rows[] = {
        {"120", 120000},
        {"0", 0},
        {"007", 7000},
        {"31536000", YEAR_MS},
        {"31536001", YEAR_MS},
        {"9223372036854775807", YEAR_MS},
        {"9223372036854775808", -1},
        {"99999999999999999999999", -1},
        {"", -1},
        {"-1", -1},
        {"+1", -1},
        {"1.5", -1},
        {"1 2", -1},
        {"120, 120", -1},
        {"0x10", -1},
        {"6m0s", -1},
        {"soon", -1},
        {"Wed, 26 Nov 2025 14:32:00 GMT", 120000},
        {"Wednesday, 26-Nov-25 14:30:01 GMT", 1000},
        {"Wed Nov 26 14:30:00 2025", 0},
        {"Wed, 26 Nov 2025 14:29:59 GMT", 0},
        {"Thu, 26 Nov 2026 14:30:00 GMT", YEAR_MS},
        {"Thu, 26 Nov 2026 14:30:01 GMT", YEAR_MS},
        {"2025-11-26T14:30:00.250Z", 250},
    };
    assert_int_equal(ait_headers_retry_after_ms(&headers, WALL), -1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char line[80];
        (void)snprintf(line, sizeof line, "Retry-After: %s\r\n", rows[i].value);
        start_anew(line);
        if (ait_headers_retry_after_ms(&headers, WALL) != rows[i].ms)
            fail_msg("%s", line);
    }
}

static void x_ratelimit_retry_after_is_asked_second_and_only_above_zero(void **state)
{
    (void)state;
    start_anew("X-RateLimit-Retry-After: 0\r\n");
    assert_int_equal(ait_headers_retry_after_ms(&headers, WALL), -1);
    start_anew("X-RateLimit-Retry-After: never\r\n");
    assert_int_equal(ait_headers_retry_after_ms(&headers, WALL), -1);
    start_anew("X-RateLimit-Retry-After: 5\r\n");
    assert_int_equal(ait_headers_retry_after_ms(&headers, WALL), 5000);
    take("Retry-After: 3\r\n");
    assert_int_equal(ait_headers_retry_after_ms(&headers, WALL), 3000);

    start_anew("X-RateLimit-Retry-After: 5\r\n");
    take("Retry-After: soon\r\n");
    assert_int_equal(ait_headers_retry_after_ms(&headers, WALL), 5000);
    start_anew("X-RateLimit-Retry-After: 5\r\n");
    take("Retry-After: 0\r\n");
    assert_int_equal(ait_headers_retry_after_ms(&headers, WALL), 0);
}

static void a_wall_clock_out_of_range_does_no_harm(void **state)
{
    (void)state;
    start_anew("Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n");
    assert_int_equal(ait_headers_retry_after_ms(&headers, INT64_MIN), YEAR_MS);
    assert_int_equal(ait_headers_retry_after_ms(&headers, INT64_MAX), 0);
}

static void assert_rate_limit(int64_t limit, int64_t remaining, int64_t reset_ms)
{
    struct ait_rate_limit rate = ait_headers_rate_limit(&headers, WALL);
    assert_int_equal(rate.limit, limit);
    assert_int_equal(rate.remaining, remaining);
    assert_int_equal(rate.reset_ms, reset_ms);
}

static void either_family_of_rate_limit_fields_is_read(void **state)
{
    (void)state;
    assert_rate_limit(-1, -1, -1);
    start_anew("X-RateLimit-Limit: 100\r\n");
    take("X-RateLimit-Remaining: 95\r\n");
    take("X-RateLimit-Reset: 1764167460\r\n");
    assert_rate_limit(100, 95, 60000);

    start_anew("x-ratelimit-limit-requests: 1000\r\n");
    take("x-ratelimit-remaining-requests: 0\r\n");
    take("x-ratelimit-reset-requests: 6m0s\r\n");
    assert_rate_limit(1000, 0, 360000);
}

static void the_plain_family_wins_field_by_field(void **state)
{
    (void)state;
    start_anew("x-ratelimit-limit-requests: 1000\r\n");
    take("x-ratelimit-remaining-requests: 900\r\n");
    take("x-ratelimit-reset-requests: 30\r\n");
    take("x-ratelimit-limit: 100\r\n");
    assert_rate_limit(100, 900, 30000);
    take("x-ratelimit-remaining: many\r\n");
    take("x-ratelimit-reset: 2\r\n");
    assert_rate_limit(100, -1, 2000);
}

static void the_tokens_family_is_ignored(void **state)
{
    (void)state;
    start_anew("x-ratelimit-limit-tokens: 1\r\n");
    take("x-ratelimit-remaining-tokens: 2\r\n");
    take("x-ratelimit-reset-tokens: 3\r\n");
    assert_rate_limit(-1, -1, -1);
}

static void limit_and_remaining_are_whole_numbers(void **state)
{
    (void)state;
    static const char *const unreadable[] = {"",    "-1",       "1.0",
                                             "1e3", "100;w=60", "9223372036854775808"};
    for (size_t i = 0; i < COUNT(unreadable); i++) {
        char line[80];
        (void)snprintf(line, sizeof line, "x-ratelimit-limit: %s", unreadable[i]);
        start_anew(line);
        (void)snprintf(line, sizeof line, "x-ratelimit-remaining: %s", unreadable[i]);
        take(line);
        assert_rate_limit(-1, -1, -1);
    }
    start_anew("x-ratelimit-limit: 9223372036854775807");
    assert_rate_limit(INT64_MAX, -1, -1);
}

static void a_reset_is_read_by_its_size_and_shape(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t ms;
    } rows[] = {
        {"0", 0},
        {"12", 12000},
        {"1.5", 1500},
        {"0.0019", 1},
        {"31536000", YEAR_MS},
        {"1000000000", YEAR_MS},
        {"1000000001", 0},
        {"1764167400", 0},
        {"1764167401", 1000},
        {"1764167401.25", 1250},
        {"1640995200", 0},
        {"1795703400", YEAR_MS},
        {"1795703401", YEAR_MS},
        {"1000000000000", YEAR_MS},
        {"1000000000001", 0},
        {"1764167400120", 120},
        {"9223372036854775807", YEAR_MS},
        {"9223372036854775808", -1},
        {"6m0s", 360000},
        {"1h2m3s", 3723000},
        {"120ms", 120},
        {"7.66s", 7660},
        {"2m59.56s", 179560},
        {"1.5h", 5400000},
        {"1s120ms", 1120},
        {"1m1ms", 60001},
        {"0s", 0},
        {"8760h", YEAR_MS},
        {"8761h", YEAR_MS},
        {"8759h60m", YEAR_MS},
        {"8759h61m9s9ms", YEAR_MS},
        {"9223372036854775807ms", YEAR_MS},
        {"9223372036854775808s", -1},
        {"Wed, 26 Nov 2025 14:30:20 GMT", 20000},
        {"2025-11-26T14:30:20Z", 20000},
        {"", -1},
        {"-5", -1},
        {"1.", -1},
        {".5", -1},
        {"1.s", -1},
        {"1x", -1},
        {"12 ", 12000}, /* the blank is no part of the value */
        {"1 s", -1},
        {"s", -1},
        {"6m0", -1},
        {"6mm", -1},
        {"1m1h", -1},
        {"1s1s", -1},
        {"1ms1s", -1},
        {"1ms1ms", -1},
        {"1d", -1},
        {"1H", -1},
        {"never", -1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char line[80];
        (void)snprintf(line, sizeof line, "X-RateLimit-Reset: %s\r\n", rows[i].value);
        start_anew(line);
        if (ait_headers_rate_limit(&headers, WALL).reset_ms != rows[i].ms)
            fail_msg("%s", line);
    }
}

static void a_date_is_read_where_no_header_is(void **state)
{
    (void)state;
    int64_t ms = 42;
    assert_false(ait_headers_parse_date("never", &ms));
    assert_int_equal(ms, 42);
    assert_true(ait_headers_parse_date("2025-11-26T14:30:00Z", &ms));
    assert_int_equal(ms, WALL);
}

static void only_x_should_retry_false_is_a_veto(void **state)
{
    (void)state;
    assert_true(ait_headers_may_retry(&headers));
    start_anew("x-should-retry: true\r\n");
    assert_true(ait_headers_may_retry(&headers));
    start_anew("x-should-retry: falsehood\r\n");
    assert_true(ait_headers_may_retry(&headers));
    start_anew("X-Should-Retry: false\r\n");
    assert_false(ait_headers_may_retry(&headers));
    start_anew("X-Should-Retry: False\r\n");
    assert_false(ait_headers_may_retry(&headers));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keeps_fields_in_order_under_lower_case_names),
        TEST(find_gives_the_first_of_several_and_null_for_none),
        TEST(the_line_end_may_be_missing_or_short),
        TEST(a_line_is_read_no_further_than_its_length),
        TEST(blanks_around_a_value_are_dropped_and_within_kept),
        TEST(every_token_character_may_stand_in_a_name),
        TEST(values_may_hold_bytes_beyond_ascii),
        TEST(a_line_that_is_no_field_is_counted_and_not_kept),
        TEST(a_nul_in_name_or_value_drops_the_line),
        TEST(a_status_line_drops_the_response_before),
        TEST(trailers_are_counted_and_not_kept),
        TEST(clear_makes_ready_for_the_next_attempt),
        TEST(free_leaves_headers_that_can_be_used_again),
        TEST(the_line_after_the_last_allowed_is_too_much),
        TEST(the_byte_after_the_last_allowed_is_too_much),
        TEST(lines_that_are_not_kept_count_against_the_limits),
        TEST(all_lines_within_the_limits_find_room),
        TEST(without_memory_nothing_is_kept),
        TEST(a_field_is_kept_whole_or_not_at_all),
        TEST(the_request_id_is_that_of_x_request_id),
        TEST(retry_after_is_read_as_seconds_or_date),
        TEST(x_ratelimit_retry_after_is_asked_second_and_only_above_zero),
        TEST(a_wall_clock_out_of_range_does_no_harm),
        TEST(either_family_of_rate_limit_fields_is_read),
        TEST(the_plain_family_wins_field_by_field),
        TEST(the_tokens_family_is_ignored),
        TEST(limit_and_remaining_are_whole_numbers),
        TEST(a_reset_is_read_by_its_size_and_shape),
        TEST(a_date_is_read_where_no_header_is),
        TEST(only_x_should_retry_false_is_a_veto),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
