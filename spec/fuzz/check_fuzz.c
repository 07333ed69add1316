/* Input: any bytes, as the text of each parameter. What passes is known here in another way:
 * by the table of well-formed sequences in the Unicode Standard instead of a decoder. */
#include "check.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not assert(), which a build may switch off. */
#define CHECK(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *condition, int line)
{
    (void)fprintf(stderr, "line %d: %s\n", line, condition);
    abort();
}

/* How many bytes the sequence at the start takes; 0: it is none. */
static size_t sequence(const uint8_t *data, size_t size)
{
    static const struct {
        uint8_t n, from[4], to[4];
    } rows[] = {
        {1, {0x00}, {0x7F}},
        {2, {0xC2, 0x80}, {0xDF, 0xBF}},
        {3, {0xE0, 0xA0, 0x80}, {0xE0, 0xBF, 0xBF}},
        {3, {0xE1, 0x80, 0x80}, {0xEC, 0xBF, 0xBF}},
        {3, {0xED, 0x80, 0x80}, {0xED, 0x9F, 0xBF}},
        {3, {0xEE, 0x80, 0x80}, {0xEF, 0xBF, 0xBF}},
        {4, {0xF0, 0x90, 0x80, 0x80}, {0xF0, 0xBF, 0xBF, 0xBF}},
        {4, {0xF1, 0x80, 0x80, 0x80}, {0xF3, 0xBF, 0xBF, 0xBF}},
        {4, {0xF4, 0x80, 0x80, 0x80}, {0xF4, 0x8F, 0xBF, 0xBF}},
    };

    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        size_t n = rows[row].n, i = 0;

        while (n <= size && i < n && data[i] >= rows[row].from[i] && data[i] <= rows[row].to[i])
            i++;
        if (i == n)
            return n;
    }
    return 0;
}

static bool is_utf8(const uint8_t *data, size_t size)
{
    while (size > 0) {
        size_t n = sequence(data, size);

        if (n == 0)
            return false;
        data += n;
        size -= n;
    }
    return true;
}

static bool has_control(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] < 0x20 || data[i] == 0x7F ||
            (data[i] == 0xC2 && i + 1 < size && data[i + 1] < 0xA0))
            return true;
    }
    return false;
}

static bool has_blank(const uint8_t *data, size_t size)
{
    static const char *const blanks[] = {
        " ",
        "\xC2\xA0",
        "\xE1\x9A\x80",
        "\xE2\x80\x80",
        "\xE2\x80\x81",
        "\xE2\x80\x82",
        "\xE2\x80\x83",
        "\xE2\x80\x84",
        "\xE2\x80\x85",
        "\xE2\x80\x86",
        "\xE2\x80\x87",
        "\xE2\x80\x88",
        "\xE2\x80\x89",
        "\xE2\x80\x8A",
        "\xE2\x80\xA8",
        "\xE2\x80\xA9",
        "\xE2\x80\xAF",
        "\xE2\x81\x9F",
        "\xE3\x80\x80",
    };

    for (size_t i = 0; i < sizeof blanks / sizeof blanks[0]; i++) {
        if (memmem(data, size, blanks[i], strlen(blanks[i])) != NULL)
            return true;
    }
    return false;
}

static size_t count(const uint8_t *data, size_t size, uint8_t byte)
{
    size_t n = 0;

    for (size_t i = 0; i < size; i++)
        n += data[i] == byte;
    return n;
}

static bool is_email(const uint8_t *data, size_t size)
{
    const uint8_t *at = size == 0 ? NULL : memchr(data, '@', size);

    return size <= 254 && is_utf8(data, size) && !has_control(data, size) &&
           !has_blank(data, size) && count(data, size, '@') == 1 && at > data && at <= data + 64 &&
           at < data + size - 1;
}

static bool is_organization_id(const uint8_t *data, size_t size)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

    if (size < 5 || size > 1024 || memcmp(data, "org_", 4) != 0)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (memchr(allowed, data[i], sizeof allowed - 1) == NULL)
            return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    bool utf8 = is_utf8(data, size);
    bool line = utf8 && size > 0 && size <= 1048576 && !has_control(data, size);
    bool dots = (size == 1 || size == 2) && count(data, size, '.') == size;
    size_t characters = 0;

    for (size_t i = 0; i < size; i++)
        characters += (data[i] & 0xC0) != 0x80;
    CHECK((ait_check_email(bytes, size) == NULL) == is_email(data, size));
    CHECK((ait_check_line(bytes, size) == NULL) == line);
    CHECK((ait_check_id(bytes, size) == NULL) == (line && size <= 1024 && !dots));
    CHECK((ait_check_full_name(bytes, size) == NULL) == (line && characters <= 255));
    CHECK((ait_check_password(bytes, size) == NULL) == (utf8 && size <= 1024 && characters >= 8));
    CHECK((ait_check_organization_id(bytes, size) == NULL) == is_organization_id(data, size));
    return 0;
}
