#include "date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define AN_API_DATE INT64_C(1764167400000) /* 2025-11-26T14:30:00Z */
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void dates_are_read_in_all_four_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", INT64_C(784111777000)},
        {"Sunday, 06-Nov-94 08:49:37 GMT", INT64_C(784111777000)},
        {"Sun Nov  6 08:49:37 1994", INT64_C(784111777000)},
        {"Wed Nov 16 08:49:37 1994", INT64_C(784975777000)},
        {"1994-11-06T08:49:37Z", INT64_C(784111777000)},
        {"2025-11-26T14:30:00Z", AN_API_DATE},
        {"2025-11-26T14:30:00.5Z", AN_API_DATE + 500},
        {"2025-11-26T14:30:00.123456789123456789123456789Z", AN_API_DATE + 123},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Wed, 31 Dec 1969 23:59:59 GMT", -1000},
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200000)},
        {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
        {"2000-03-01T00:00:00Z", INT64_C(951868800000)},
        {"2100-03-01T00:00:00Z", INT64_C(4107542400000)},
        {"2024-02-29T12:00:00Z", INT64_C(1709208000000)},
        {"2024-12-31T00:00:00Z", INT64_C(1735603200000)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
        {"Thursday, 01-Jan-70 00:00:00 GMT", 0},
        {"Tuesday, 31-Dec-69 00:00:00 GMT", INT64_C(3155673600000)},
        {"Mon, 26 Nov 2025 14:30:00 GMT", AN_API_DATE}, /* was a Wednesday */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t ms = 42;
        if (!ait_date_parse(rows[i].text, &ms) || ms != rows[i].ms)
            fail_msg("%s: %lld", rows[i].text, (long long)ms);
    }
}

static void every_month_and_weekday_is_known(void **state)
{
    (void)state;
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const char *const weekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                           "Friday", "Saturday", "Sunday"};
    for (int month = 0; month < 12; month++) {
        char text[80];
        int64_t by_name = 1;
        int64_t by_number = 2;
        (void)snprintf(text, sizeof text, "%.3s, 15 %s 2023 00:00:00 GMT", weekdays[month % 7],
                       months[month]);
        assert_true(ait_date_parse(text, &by_name));
        (void)snprintf(text, sizeof text, "2023-%02d-15T00:00:00Z", month + 1);
        assert_true(ait_date_parse(text, &by_number));
        assert_int_equal(by_name, by_number);
        (void)snprintf(text, sizeof text, "%s, 15-%s-23 00:00:00 GMT", weekdays[month % 7],
                       months[month]);
        assert_true(ait_date_parse(text, &by_name));
        assert_int_equal(by_name, by_number);
    }
}

static void what_is_no_date_is_refused_and_leaves_the_output(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "never",
        "Sun",
        "Sun, ",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, -1 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06-Nov-9 08:49:37 GMT",
        "Sunday, 06-Nov-9x 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  x 08:49:37 1994",
        "Sun Nov  6 08:49:37 199",
        "Sun Nov  6 08:49:37 1994 GMT",
        "1994-11-06T08:49:37",
        "1994-11-06t08:49:37Z",
        "1994-11-06 08:49:37Z",
        "1994-11-06T08:49:37.Z",
        "1994-11-06T08:49:37+01:00",
        "1994-1x-06T08:49:37Z",
        "1994-00-06T08:49:37Z",
        "1994-13-06T08:49:37Z",
        "1994-99-06T08:49:37Z",
        "2023-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2000-02-30T00:00:00Z",
        "94-11-06T08:49:37Z",
        /* a part left out */
        ", 06 Nov 1994 08:49:37 GMT",
        "Sun, 06  1994 08:49:37 GMT",
        "Sunday, 06-Nov- 08:49:37 GMT",
        "1994--06T08:49:37Z",
        "1994-11-06T08:49:Z",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        int64_t ms = 42;
        if (ait_date_parse(texts[i], &ms) || ms != 42)
            fail_msg("%s", texts[i]);
    }
}

static void digits_are_taken_up_to_the_first_other_character(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t number;
        const char *rest;
    } rows[] = {
        {"0", 0, ""},
        {"12x", 12, "x"},
        {"0012.5", 12, ".5"},
        {"9223372036854775807", INT64_MAX, ""},
        {"00000000000000000000000000007 ", 7, " "},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *at = rows[i].text;
        int64_t number = 42;
        assert_true(ait_date_take_digits(&at, &number));
        assert_int_equal(number, rows[i].number);
        assert_string_equal(at, rows[i].rest);
    }
}

static void refused_digits_leave_everything_as_it_was(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "x1", "-1", "+1", " 1", "9223372036854775808", "10000000000000000000", "\xd9\xa1"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        const char *at = texts[i];
        int64_t number = 42;
        assert_false(ait_date_take_digits(&at, &number));
        assert_int_equal(number, 42);
        assert_ptr_equal(at, texts[i]);
    }
}

static void a_fraction_is_cut_to_thousandths(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t thousandths;
        const char *rest;
    } rows[] = {
        {"", 0, ""},        {"s", 0, "s"},    {".5", 500, ""},
        {".25s", 250, "s"}, {".0019", 1, ""}, {".999999999999999999999999999", 999, ""},
        {".0.1", 0, ".1"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *at = rows[i].text;
        int64_t thousandths = 42;
        assert_true(ait_date_take_thousandths(&at, &thousandths));
        assert_int_equal(thousandths, rows[i].thousandths);
        assert_string_equal(at, rows[i].rest);
    }
}

static void a_point_without_digits_leaves_everything_as_it_was(void **state)
{
    (void)state;
    static const char *const texts[] = {".", ".s", "..5"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        const char *at = texts[i];
        int64_t thousandths = 42;
        assert_false(ait_date_take_thousandths(&at, &thousandths));
        assert_int_equal(thousandths, 42);
        assert_ptr_equal(at, texts[i]);
    }
}

static void a_duration_ends_at_the_maximum(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t maximum;
        int64_t ms;
    } rows[] = {
        {"1h2m3.5s", INT64_MAX, 3723500},
        {"1h2m3.5s", 3723500, 3723500},
        {"1h2m3.5s", 3723499, 3723499},
        {"1h2m3.5s", 3600000, 3600000},
        {"1h2m3.5s", 5, 5},
        {"1h2m3.5s", 0, 0},
        {"0.9s", 500, 500},
        {"0m", 1, 0},
        {"2562047788015h12m55s807ms", INT64_MAX, INT64_MAX},
        {"2562047788015h12m55s808ms", INT64_MAX, INT64_MAX},
        {"9223372036854775807.999h", INT64_MAX, INT64_MAX},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t ms = 42;
        if (!ait_date_parse_duration(rows[i].text, rows[i].maximum, &ms) || ms != rows[i].ms)
            fail_msg("%s up to %lld: %lld", rows[i].text, (long long)rows[i].maximum,
                     (long long)ms);
    }
}

static void a_refused_duration_leaves_the_output(void **state)
{
    (void)state;
    static const char *const texts[] = {"",     "6",  "s",   "6m0", "6m 0s",
                                        "1m1h", "1d", "1sm", "1S",  "1m-1s"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        int64_t ms = 42;
        if (ait_date_parse_duration(texts[i], INT64_MAX, &ms) || ms != 42)
            fail_msg("%s", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_read_in_all_four_forms),
        cmocka_unit_test(every_month_and_weekday_is_known),
        cmocka_unit_test(what_is_no_date_is_refused_and_leaves_the_output),
        cmocka_unit_test(digits_are_taken_up_to_the_first_other_character),
        cmocka_unit_test(refused_digits_leave_everything_as_it_was),
        cmocka_unit_test(a_fraction_is_cut_to_thousandths),
        cmocka_unit_test(a_point_without_digits_leaves_everything_as_it_was),
        cmocka_unit_test(a_duration_ends_at_the_maximum),
        cmocka_unit_test(a_refused_duration_leaves_the_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
