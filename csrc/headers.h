/* The header lines of one attempt's response: strict, bounded, read on demand.
 *
 * "Kept" lines are those of the response in hand. A status line starts a new response
 * (after a 1xx, or a proxy's answer to CONNECT) and drops what was kept; the limits count
 * every line of the attempt, so that an endless run of 1xx responses ends too. Lines after
 * the blank one that ends the header section are trailers and are counted but not kept.
 *
 * Owner: the outcome that holds the struct. No thread of its own, no Lua, no libcurl. */
#ifndef AIT_HEADERS_H
#define AIT_HEADERS_H

#include "buffer.h"

#include <stdbool.h>
#include <stdint.h>

#define AIT_HEADERS_MAX_BYTES ((size_t)64 * 1024)
#define AIT_HEADERS_MAX_LINES ((size_t)256)

/* What is noted of each kept line beside its texts. */
#define AIT_HEADERS_NOTE (2 * sizeof(uint32_t))

struct ait_headers {
    struct ait_buffer kept; /* note name NUL value NUL …; names lower-case; in order of arrival */
    size_t kept_lines;
    size_t seen_bytes; /* of every line of the attempt, kept or not */
    size_t seen_lines;
    bool ended; /* the blank line has come */
};

struct ait_rate_limit {
    int64_t limit;     /* requests per window; -1: not sent */
    int64_t remaining; /* requests left in it; -1: not sent */
    int64_t reset_ms;  /* from now until the window starts anew; -1: not sent */
};

void ait_headers_init(struct ait_headers *headers);
void ait_headers_clear(struct ait_headers *headers);
void ait_headers_free(struct ait_headers *headers);

/* Takes one line as it came, with or without its CR LF: a status line, "Name: value", or the
 * blank one. A line that is not a field line (no token before the colon, a control character
 * in the value, a folded continuation) is counted and not kept.
 * AIT_TOO_LARGE: a limit is passed and the attempt is to be given up; AIT_NO_MEMORY. */
enum ait_status ait_headers_line(struct ait_headers *headers, const char *line, size_t n);

/* Both texts end with a NUL, too, and live until the next line or clear. */
struct ait_header {
    const char *name;
    size_t name_size;
    const char *value;
    size_t value_size;
};

/* Walks the kept lines: start with name NULL; returns the next name, or NULL at the end, and
 * both texts in *header. */
const char *ait_headers_next(const struct ait_headers *headers, const char *name,
                             struct ait_header *header);

/* The value of the first line with this lower-case name, or NULL. */
const char *ait_headers_find(const struct ait_headers *headers, const char *name);

/* `x-request-id`, or NULL. */
const char *ait_headers_request_id(const struct ait_headers *headers);

/* How long the server asks to wait, in ms from now; -1 where it does not say or what it says
 * cannot be read. Retry-After (whole seconds or a date; 0 and the past are 0), then
 * X-RateLimit-Retry-After > 0. Never more than 365 days. wall_ms: the wall clock. */
int64_t ait_headers_retry_after_ms(const struct ait_headers *headers, int64_t wall_ms);

/* Both families: x-ratelimit-{limit,remaining,reset}, and where one of these is absent, the same
 * with -requests. A reset is epoch seconds (> 10^9), epoch milliseconds (> 10^12), a small number
 * of seconds from now (fractions allowed), a duration such as 6m0s, 1h2m3s, 120ms, or a date; it
 * is never more than 365 days. What can't be read counts as not sent. */
struct ait_rate_limit ait_headers_rate_limit(const struct ait_headers *headers, int64_t wall_ms);

/* False only where the server says `x-should-retry: false`. */
bool ait_headers_may_retry(const struct ait_headers *headers);

/* An HTTP date in any of its three forms (IMF-fixdate, RFC 850, asctime) or the UTC form of
 * RFC 3339 that the API's JSON uses (2025-11-26T14:30:00Z, fractions allowed), as ms since
 * 1970; false where it is none. Independent of the locale. The day of the week is not compared
 * with the date; a year of two digits is one of 1970 to 2069. */
bool ait_headers_parse_date(const char *text, int64_t *epoch_ms);

#endif
