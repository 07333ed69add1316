#include "headers.h"

#include "date.h"

#include <string.h>
#include <strings.h>

#define MAX_WAIT_MS (INT64_C(365) * 24 * 60 * 60 * 1000)

/* The note before each kept name, so that whoever looks for one can step over the others. */
struct sizes {
    uint32_t name, value;
};

_Static_assert(sizeof(struct sizes) == AIT_HEADERS_NOTE, "for the maximum");

void ait_headers_init(struct ait_headers *headers)
{
    *headers = (struct ait_headers){0};
    /* A kept line takes at most its note and one byte more than the line itself ("a:" against
     * "a" NUL NUL), so that the limits on what is seen are always the ones that are met. */
    ait_buffer_init(&headers->kept,
                    AIT_HEADERS_MAX_BYTES + AIT_HEADERS_MAX_LINES * (AIT_HEADERS_NOTE + 1));
}

void ait_headers_clear(struct ait_headers *headers)
{
    ait_buffer_clear(&headers->kept);
    headers->kept_lines = 0;
    headers->seen_bytes = 0;
    headers->seen_lines = 0;
    headers->ended = false;
}

void ait_headers_free(struct ait_headers *headers)
{
    ait_buffer_free(&headers->kept);
    ait_headers_clear(headers);
}

struct span {
    const char *start;
    size_t size;
};

/* Of RFC 9110, section 5.6.2; isalnum() asks the locale. */
static bool is_token_char(char c)
{
    return (unsigned)((c | 0x20) - 'a') < 26 || c == '-' || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+.^_`|~", c) != NULL);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

static struct span without_line_end(const char *line, size_t n)
{
    if (n > 0 && line[n - 1] == '\n')
        n--;
    if (n > 0 && line[n - 1] == '\r')
        n--;
    return (struct span){line, n};
}

static struct span without_blanks(struct span text)
{
    while (text.size > 0 && is_blank(text.start[0])) {
        text.start++;
        text.size--;
    }
    while (text.size > 0 && is_blank(text.start[text.size - 1]))
        text.size--;
    return text;
}

static bool split_field(struct span line, struct span *name, struct span *value)
{
    size_t colon = 0;
    while (colon < line.size && is_token_char(line.start[colon]))
        colon++;
    if (colon == 0 || colon == line.size || line.start[colon] != ':')
        return false;
    for (size_t i = colon + 1; i < line.size; i++) {
        if (is_control(line.start[i]))
            return false;
    }
    *name = (struct span){line.start, colon};
    *value = without_blanks((struct span){line.start + colon + 1, line.size - colon - 1});
    return true;
}

static enum ait_status keep(struct ait_headers *headers, struct span name, struct span value)
{
    struct sizes sizes = {(uint32_t)name.size, (uint32_t)value.size};
    char *to;
    enum ait_status status =
        ait_buffer_extend(&headers->kept, sizeof sizes + name.size + value.size + 2, &to);

    if (status != AIT_OK)
        return status;
    headers->kept_lines++;
    memcpy(to, &sizes, sizeof sizes);
    to += sizeof sizes;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.start[i];

        *to++ = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    *to++ = '\0';
    memcpy(to, value.start, value.size);
    to[value.size] = '\0';
    return AIT_OK;
}

enum ait_status ait_headers_line(struct ait_headers *headers, const char *line, size_t n)
{
    if (headers->seen_lines >= AIT_HEADERS_MAX_LINES ||
        n > AIT_HEADERS_MAX_BYTES - headers->seen_bytes)
        return AIT_TOO_LARGE;
    headers->seen_lines++;
    headers->seen_bytes += n;

    struct span text = without_line_end(line, n);
    if (text.size == 0) {
        headers->ended = true;
        return AIT_OK;
    }
    if (text.size >= 5 && memcmp(text.start, "HTTP/", 5) == 0) {
        ait_buffer_clear(&headers->kept);
        headers->kept_lines = 0;
        headers->ended = false;
        return AIT_OK;
    }
    struct span name;
    struct span value;
    if (headers->ended || !split_field(text, &name, &value))
        return AIT_OK;
    return keep(headers, name, value);
}

static struct sizes sizes_before(const char *name)
{
    struct sizes sizes;

    memcpy(&sizes, name - sizeof sizes, sizeof sizes);
    return sizes;
}

const char *ait_headers_next(const struct ait_headers *headers, const char *name,
                             struct ait_header *header)
{
    const char *at = headers->kept.data;
    struct sizes sizes;

    if (name != NULL) {
        sizes = sizes_before(name);
        at = name + sizes.name + sizes.value + 2;
    }
    if (headers->kept.size == 0 || at == headers->kept.data + headers->kept.size)
        return NULL;
    at += sizeof sizes;
    sizes = sizes_before(at);
    *header = (struct ait_header){at, sizes.name, at + sizes.name + 1, sizes.value};
    return at;
}

const char *ait_headers_find(const struct ait_headers *headers, const char *name)
{
    size_t n = strlen(name);
    struct ait_header header = {.name = NULL};

    while (ait_headers_next(headers, header.name, &header) != NULL) {
        if (header.name_size == n && memcmp(header.name, name, n) == 0)
            return header.value;
    }
    return NULL;
}

const char *ait_headers_request_id(const struct ait_headers *headers)
{
    return ait_headers_find(headers, "x-request-id");
}

static int64_t seconds_to_ms(int64_t seconds, int64_t thousandths)
{
    if (seconds >= MAX_WAIT_MS / 1000)
        return MAX_WAIT_MS;
    return seconds * 1000 + thousandths;
}

static int64_t ms_until(int64_t epoch_ms, int64_t wall_ms)
{
    if (epoch_ms <= wall_ms)
        return 0;
    /* Unsigned, since a wall clock far before 1970 would overflow the signed difference. */
    uint64_t wait = (uint64_t)epoch_ms - (uint64_t)wall_ms;
    return wait < (uint64_t)MAX_WAIT_MS ? (int64_t)wait : MAX_WAIT_MS;
}

static int64_t read_whole(const char *text)
{
    int64_t number = 0;
    return ait_date_take_digits(&text, &number) && *text == '\0' ? number : -1;
}

static int64_t read_delay(const char *text, int64_t wall_ms)
{
    int64_t seconds = read_whole(text);
    if (seconds >= 0)
        return seconds_to_ms(seconds, 0);
    int64_t epoch_ms = 0;
    return ait_date_parse(text, &epoch_ms) ? ms_until(epoch_ms, wall_ms) : -1;
}

int64_t ait_headers_retry_after_ms(const struct ait_headers *headers, int64_t wall_ms)
{
    const char *value = ait_headers_find(headers, "retry-after");
    int64_t wait = value != NULL ? read_delay(value, wall_ms) : -1;
    if (wait >= 0)
        return wait;
    /* The API sends 0 here with every answer that does not ask to wait. */
    value = ait_headers_find(headers, "x-ratelimit-retry-after");
    wait = value != NULL ? read_delay(value, wall_ms) : 0;
    return wait > 0 ? wait : -1;
}

/* A number: of seconds, or when, in seconds or thousandths since 1970. */
static bool read_number(const char *text, int64_t wall_ms, int64_t *ms)
{
    int64_t whole = 0;
    int64_t thousandths = 0;

    if (!ait_date_take_digits(&text, &whole) || !ait_date_take_thousandths(&text, &thousandths) ||
        *text != '\0')
        return false;
    if (whole > INT64_C(1000000000000))
        *ms = ms_until(whole, wall_ms);
    else if (whole > 1000000000)
        *ms = ms_until(whole * 1000 + thousandths, wall_ms);
    else
        *ms = seconds_to_ms(whole, thousandths);
    return true;
}

static int64_t read_reset(const char *text, int64_t wall_ms)
{
    int64_t ms = 0;

    if (read_number(text, wall_ms, &ms) || ait_date_parse_duration(text, MAX_WAIT_MS, &ms))
        return ms;
    return ait_date_parse(text, &ms) ? ms_until(ms, wall_ms) : -1;
}

/* The plain family wins also where its value can't be read. */
static const char *find_either(const struct ait_headers *headers, const char *plain,
                               const char *requests)
{
    const char *value = ait_headers_find(headers, plain);
    return value != NULL ? value : ait_headers_find(headers, requests);
}

struct ait_rate_limit ait_headers_rate_limit(const struct ait_headers *headers, int64_t wall_ms)
{
    struct ait_rate_limit rate = {-1, -1, -1};
    const char *value = find_either(headers, "x-ratelimit-limit", "x-ratelimit-limit-requests");
    if (value != NULL)
        rate.limit = read_whole(value);
    value = find_either(headers, "x-ratelimit-remaining", "x-ratelimit-remaining-requests");
    if (value != NULL)
        rate.remaining = read_whole(value);
    value = find_either(headers, "x-ratelimit-reset", "x-ratelimit-reset-requests");
    if (value != NULL)
        rate.reset_ms = read_reset(value, wall_ms);
    return rate;
}

bool ait_headers_may_retry(const struct ait_headers *headers)
{
    const char *value = ait_headers_find(headers, "x-should-retry");
    return value == NULL || strcasecmp(value, "false") != 0;
}

bool ait_headers_parse_date(const char *text, int64_t *epoch_ms)
{
    return ait_date_parse(text, epoch_ms);
}
