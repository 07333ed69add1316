/* Input: one text, read as date, duration and number. */
#include "date.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define YEAR_0_MS INT64_C(-62167219200000)
#define YEAR_10000_MS INT64_C(253402300800000)
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Not assert(), which a build may switch off. */
#define CHECK(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *condition, int line)
{
    (void)fprintf(stderr, "line %d: %s\n", line, condition);
    abort();
}

static void check_reads_back(const struct tm *tm, const char *form, int64_t epoch_ms)
{
    char text[64];
    int64_t again = 0;
    CHECK(strftime(text, sizeof text, form, tm) > 0);
    CHECK(ait_date_parse(text, &again));
    CHECK(again == epoch_ms);
}

/* The C library's calendar, which shares no line with ours, must give the same moment. */
static void check_date(const char *text)
{
    int64_t epoch_ms = 42;
    if (!ait_date_parse(text, &epoch_ms)) {
        CHECK(epoch_ms == 42);
        return;
    }
    /* A leap second at the very end counts as the second after. */
    CHECK(epoch_ms >= YEAR_0_MS && epoch_ms < YEAR_10000_MS + 1000);
    if (epoch_ms >= YEAR_10000_MS)
        return;
    int64_t milliseconds = (epoch_ms % 1000 + 1000) % 1000;
    time_t seconds = (time_t)((epoch_ms - milliseconds) / 1000);
    struct tm tm;
    CHECK(gmtime_r(&seconds, &tm) != NULL);
    char form[64];
    (void)snprintf(form, sizeof form, "%04d-%%m-%%dT%%H:%%M:%%S.%03dZ", tm.tm_year + 1900,
                   (int)milliseconds);
    check_reads_back(&tm, form, epoch_ms);
    (void)snprintf(form, sizeof form, "%%a, %%d %%b %04d %%H:%%M:%%S GMT", tm.tm_year + 1900);
    check_reads_back(&tm, form, epoch_ms - milliseconds);
    (void)snprintf(form, sizeof form, "%%a %%b %%e %%H:%%M:%%S %04d", tm.tm_year + 1900);
    check_reads_back(&tm, form, epoch_ms - milliseconds);
    if (tm.tm_year >= 70 && tm.tm_year < 170)
        check_reads_back(&tm, "%A, %d-%b-%y %H:%M:%S GMT", epoch_ms - milliseconds);
}

static void check_duration(const char *text)
{
    static const int64_t maxima[] = {0, 1, INT64_C(365) * 24 * 60 * 60 * 1000, INT64_MAX};
    int64_t most = 0;
    bool is_one = ait_date_parse_duration(text, INT64_MAX, &most);
    for (size_t i = 0; i < COUNT(maxima); i++) {
        int64_t ms = 42;
        CHECK(ait_date_parse_duration(text, maxima[i], &ms) == is_one);
        CHECK(ms == (!is_one ? 42 : most < maxima[i] ? most : maxima[i]));
    }
}

static void check_number(const char *text)
{
    const char *at = text;
    int64_t number = 42;
    size_t digits = strspn(text, "0123456789");
    if (ait_date_take_digits(&at, &number))
        CHECK(number >= 0 && digits > 0 && at == text + digits);
    else
        CHECK(number == 42 && at == text && (digits == 0 || digits >= 19));

    int64_t thousandths = 42;
    const char *end = at;
    if (ait_date_take_thousandths(&end, &thousandths))
        CHECK(thousandths >= 0 && thousandths <= 999 && (*at == '.') == (end > at + 1));
    else
        CHECK(thousandths == 42 && end == at && *at == '.');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (text == NULL)
        abort();
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check_date(text);
    check_duration(text);
    check_number(text);
    free(text);
    return 0;
}
