#include "request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wiped.h"

static struct ait_request request;

static int set_up(void **state)
{
    (void)state;
    memset(&request, 0xff, sizeof request);
    ait_request_init(&request);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ait_request_wipe(&request);
    return 0;
}

static void append(const char *text)
{
    assert_int_equal(ait_request_append(&request, text, strlen(text)), AIT_OK);
}

static void append_escaped(const char *text)
{
    assert_int_equal(ait_request_append_escaped(&request, text, strlen(text)), AIT_OK);
}

static void assert_url(const char *expected)
{
    assert_int_equal(ait_request_end_url(&request), AIT_OK);
    assert_string_equal(request.url.data, expected);
    assert_int_equal(request.url.size, strlen(expected));
}

/* Leaves room for n more bytes. */
static void fill_all_but(size_t n)
{
    static char bytes[AIT_REQUEST_MAX_URL];

    memset(bytes, 'a', sizeof bytes);
    assert_int_equal(ait_request_append(&request, bytes, AIT_REQUEST_MAX_URL - n), AIT_OK);
}

static void a_new_request_is_an_empty_get(void **state)
{
    (void)state;
    assert_false(request.post);
    assert_false(request.repeatable);
    assert_null(request.url.data);
    assert_null(request.body.data);
    assert_int_equal(request.url.maximum, AIT_REQUEST_MAX_URL);
    assert_int_equal(request.body.maximum, AIT_REQUEST_MAX_BODY);
    assert_url("");
}

static void url_and_escaped_values_follow_each_other(void **state)
{
    (void)state;
    append("https://api.test/v1/organizations/");
    append_escaped("org_/../x?y#z");
    append("/invitation?email=");
    append_escaped("new+member&role=owner@example.com");
    append_escaped("");
    assert_url("https://api.test/v1/organizations/org_%2F..%2Fx%3Fy%23z/invitation?email="
               "new%2Bmember%26role%3Downer%40example.com");
}

static void appended_text_stays_as_it_is(void **state)
{
    (void)state;
    append("a b%2f\xc3\xa9?&#+");
    assert_url("a b%2f\xc3\xa9?&#+");
}

/* What RFC 3986 calls unreserved stays; each other byte becomes %XX with upper-case digits. */
static void every_byte_is_escaped_as_the_standard_says(void **state)
{
    (void)state;
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~";
    for (int byte = 0; byte <= UINT8_MAX; byte++) {
        char text = (char)byte;
        char expected[4] = {text};
        if (memchr(unreserved, byte, sizeof unreserved - 1) == NULL)
            (void)snprintf(expected, sizeof expected, "%%%02X", (unsigned)byte);
        ait_buffer_clear(&request.url);
        assert_int_equal(ait_request_append_escaped(&request, &text, 1), AIT_OK);
        assert_url(expected);
    }
}

static void a_value_that_does_not_fit_leaves_the_url_as_it_was(void **state)
{
    (void)state;
    fill_all_but(5);
    assert_int_equal(ait_request_append_escaped(&request, "b++", 3), AIT_TOO_LARGE);
    assert_int_equal(ait_request_append_escaped(&request, "b+cc", 4), AIT_TOO_LARGE);
    assert_int_equal(request.url.size, AIT_REQUEST_MAX_URL - 5);
    assert_int_equal(ait_request_append(&request, "123456", 6), AIT_TOO_LARGE);
    assert_int_equal(request.url.size, AIT_REQUEST_MAX_URL - 5);
    append_escaped("b+");
    assert_int_equal(ait_request_end_url(&request), AIT_OK);
    assert_string_equal(request.url.data + AIT_REQUEST_MAX_URL - 5, "b%2B");
}

static void the_end_of_the_url_needs_a_byte_of_its_own(void **state)
{
    (void)state;
    fill_all_but(0);
    assert_int_equal(ait_request_end_url(&request), AIT_TOO_LARGE);
    assert_int_equal(request.url.size, AIT_REQUEST_MAX_URL);
}

static void ending_the_url_twice_changes_nothing(void **state)
{
    (void)state;
    append("http://127.0.0.1/");
    assert_url("http://127.0.0.1/");
    assert_url("http://127.0.0.1/");
    append("more");
    assert_url("http://127.0.0.1/more");
}

static void a_nul_in_the_url_is_refused_wherever_it_stands(void **state)
{
    (void)state;
    static const char *const urls[] = {"\0bc", "a\0c", "ab\0"};

    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        ait_buffer_clear(&request.url);
        assert_int_equal(ait_request_append(&request, urls[i], 3), AIT_OK);
        assert_int_equal(ait_request_end_url(&request), AIT_INVALID);
        assert_int_equal(request.url.size, 3);
    }
    ait_buffer_clear(&request.url);
    assert_int_equal(ait_request_append_escaped(&request, "a\0b", 3), AIT_OK);
    assert_url("a%00b");
}

static void wipe_overwrites_url_and_body_and_gives_their_memory_back(void **state)
{
    (void)state;
    append("https://api.test/?email=");
    append_escaped("new@example.com");
    assert_int_equal(ait_buffer_append_string(&request.body, "{\"email\":\"new@…\"}"), AIT_OK);
    size_t held = request.url.capacity + request.body.capacity;
    wiped = 0;
    ait_request_wipe(&request);
    assert_int_equal(wiped, held);
    assert_null(request.url.data);
    assert_null(request.body.data);
    ait_request_wipe(&request);
    assert_int_equal(wiped, held);
    append("again");
    assert_url("again");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_request_is_an_empty_get),
        TEST(url_and_escaped_values_follow_each_other),
        TEST(appended_text_stays_as_it_is),
        TEST(every_byte_is_escaped_as_the_standard_says),
        TEST(a_value_that_does_not_fit_leaves_the_url_as_it_was),
        TEST(the_end_of_the_url_needs_a_byte_of_its_own),
        TEST(ending_the_url_twice_changes_nothing),
        TEST(a_nul_in_the_url_is_refused_wherever_it_stands),
        TEST(wipe_overwrites_url_and_body_and_gives_their_memory_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
