/* Input: any bytes, as the value of a path segment and of a query. A decoder of its own reads
 * them back from the URL. */
#include "request.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not assert(), which a build may switch off. */
#define CHECK(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

static const char before[] = "https://api.test/v1/organizations/";
static const char between[] = "/invitation?email=";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *condition, int line)
{
    (void)fprintf(stderr, "line %d: %s\n", line, condition);
    abort();
}

static unsigned hex_digit(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *digit = memchr(digits, c, sizeof digits - 1);

    CHECK(digit != NULL);
    return digit == NULL ? 0 : (unsigned)(digit - digits);
}

/* Reads the bytes from *url on and leaves it behind them. Nothing may stand for itself there but
 * what no server and no proxy can take for syntax. */
static void check_decodes(const char **url, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned byte = (unsigned char)**url;
        if (byte == '%') {
            byte = 16 * hex_digit((*url)[1]) + hex_digit((*url)[2]);
            *url += 2;
        } else {
            CHECK(byte < 0x80);
            CHECK(byte > ' ' && strchr("!\"#$&'()*+,/:;<=>?@[\\]^`{|}\x7f", (int)byte) == NULL);
        }
        CHECK(byte == bytes[i]);
        *url += 1;
    }
}

static void check_text(const char **url, const char *text)
{
    size_t n = strlen(text);

    CHECK(strncmp(*url, text, n) == 0);
    *url += n;
}

static bool append_value(struct ait_request *request, const uint8_t *data, size_t size)
{
    size_t size_before = request->url.size;
    enum ait_status status = ait_request_append_escaped(request, (const char *)data, size);

    CHECK(status == AIT_OK || status == AIT_TOO_LARGE);
    if (status == AIT_OK)
        return true;
    CHECK(request->url.size == size_before);
    CHECK(size_before + 3 * size > AIT_REQUEST_MAX_URL);
    return false;
}

static void check_url(struct ait_request *request, const uint8_t *data, size_t size)
{
    enum ait_status status = ait_request_end_url(request);
    const char *url = request->url.data;

    if (status == AIT_TOO_LARGE) {
        CHECK(request->url.size == AIT_REQUEST_MAX_URL);
        return;
    }
    CHECK(status == AIT_OK && strlen(url) == request->url.size);
    check_text(&url, before);
    check_decodes(&url, data, size);
    check_text(&url, between);
    check_decodes(&url, data, size);
    CHECK(*url == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ait_request request;

    ait_request_init(&request);
    CHECK(ait_request_append(&request, before, strlen(before)) == AIT_OK);
    if (append_value(&request, data, size) &&
        ait_request_append(&request, between, strlen(between)) == AIT_OK &&
        append_value(&request, data, size))
        check_url(&request, data, size);
    ait_request_wipe(&request);
    return 0;
}
