/* Input: the header lines of one attempt, each with its line feed. */
#include "headers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WAIT_MS (INT64_C(365) * 24 * 60 * 60 * 1000)
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Not assert(), which a build may switch off. */
#define CHECK(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *condition, int line)
{
    (void)fprintf(stderr, "line %d: %s\n", line, condition);
    abort();
}

static void check_limits(const struct ait_headers *headers)
{
    const struct ait_buffer *kept = &headers->kept;
    CHECK(headers->seen_lines <= AIT_HEADERS_MAX_LINES);
    CHECK(headers->seen_bytes <= AIT_HEADERS_MAX_BYTES);
    CHECK(kept->size <= kept->capacity && kept->capacity <= kept->maximum);
    CHECK(kept->size <= headers->seen_bytes + headers->seen_lines * (AIT_HEADERS_NOTE + 1));
}

static void check_field(const struct ait_headers *headers, const char *name, const char *value)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";
    size_t length = strlen(value);
    CHECK(name[0] != '\0' && name[strspn(name, token)] == '\0');
    for (size_t i = 0; i < length; i++)
        CHECK((unsigned char)value[i] >= ' ' ? value[i] != 0x7f : value[i] == '\t');
    if (length > 0) {
        CHECK(strchr(" \t", value[0]) == NULL);
        CHECK(strchr(" \t", value[length - 1]) == NULL);
    }
    CHECK(ait_headers_find(headers, name) <= value);
}

static void check_kept(const struct ait_headers *headers)
{
    const char *end = headers->kept.data;
    struct ait_header header = {.name = NULL};
    size_t fields = 0;
    while (ait_headers_next(headers, header.name, &header) != NULL) {
        CHECK(header.name == end + AIT_HEADERS_NOTE);
        CHECK(strlen(header.name) == header.name_size && strlen(header.value) == header.value_size);
        check_field(headers, header.name, header.value);
        end = header.value + header.value_size + 1;
        fields++;
    }
    CHECK(headers->kept.size == 0 || end == headers->kept.data + headers->kept.size);
    CHECK(fields == headers->kept_lines && fields <= headers->seen_lines);
}

static void check_answers(const struct ait_headers *headers)
{
    static const int64_t walls[] = {0, INT64_C(1764167400000), INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < COUNT(walls); i++) {
        int64_t wait = ait_headers_retry_after_ms(headers, walls[i]);
        CHECK(wait >= -1 && wait <= MAX_WAIT_MS);
        struct ait_rate_limit rate = ait_headers_rate_limit(headers, walls[i]);
        CHECK(rate.limit >= -1 && rate.remaining >= -1);
        CHECK(rate.reset_ms >= -1 && rate.reset_ms <= MAX_WAIT_MS);
    }
    const char *veto = ait_headers_find(headers, "x-should-retry");
    CHECK(ait_headers_may_retry(headers) || strlen(veto) == strlen("false"));
    CHECK(ait_headers_request_id(headers) == ait_headers_find(headers, "x-request-id"));
}

static enum ait_status take_line(struct ait_headers *headers, const uint8_t *data, size_t n)
{
    /* A copy of its own, so that the sanitizer sees a read past its end. */
    char *line = malloc(n);
    if (line == NULL)
        abort();
    memcpy(line, data, n);
    size_t kept = headers->kept.size;
    bool ended = headers->ended;
    enum ait_status status = ait_headers_line(headers, line, n);
    CHECK(status == AIT_OK || status == AIT_TOO_LARGE);
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0)
        CHECK(status != AIT_OK || headers->kept.size == 0);
    else
        CHECK(headers->kept.size == kept || (headers->kept.size > kept && !ended));
    free(line);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ait_headers headers;
    ait_headers_init(&headers);
    enum ait_status status = AIT_OK;
    while (size > 0 && status == AIT_OK) {
        const uint8_t *line_feed = memchr(data, '\n', size);
        size_t n = line_feed != NULL ? (size_t)(line_feed - data) + 1 : size;
        status = take_line(&headers, data, n);
        check_limits(&headers);
        data += n;
        size -= n;
    }
    check_kept(&headers);
    check_answers(&headers);
    ait_headers_free(&headers);
    return 0;
}
