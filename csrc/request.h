/* One request as the policy's owner describes it: method, URL and body, no libcurl.
 *
 * Owner: the job, for the whole call, since a request may be sent more than once. What a
 * transfer needs of it, it copies. */
#ifndef AIT_REQUEST_H
#define AIT_REQUEST_H

#include "buffer.h"

#include <stdbool.h>

#define AIT_REQUEST_MAX_URL ((size_t)16 * 1024)
#define AIT_REQUEST_MAX_BODY ((size_t)4 * 1024 * 1024)

struct ait_request {
    bool post;              /* a POST with a JSON body; else a GET */
    bool repeatable;        /* it only reads, and libcurl itself may send it again */
    bool anonymous;         /* goes without the client's credential */
    bool secret;            /* nothing of it may stay in memory after its transfer */
    struct ait_buffer url;  /* with a NUL that size does not count, after ait_request_end_url */
    struct ait_buffer body; /* JSON */
};

void ait_request_init(struct ait_request *request);
void ait_request_wipe(struct ait_request *request);

/* Makes the first one like the other; false if memory ran out. */
bool ait_request_copy(struct ait_request *request, const struct ait_request *other);

/* Appends text to the URL as it stands: for what the library itself wrote. */
enum ait_status ait_request_append(struct ait_request *request, const char *text, size_t n);

/* Appends text with every byte percent-encoded that RFC 3986 does not call unreserved, so that
 * it can neither end its path segment nor its query value. */
enum ait_status ait_request_append_escaped(struct ait_request *request, const char *text, size_t n);

/* Makes url.data a C string. AIT_INVALID: it holds a NUL already. */
enum ait_status ait_request_end_url(struct ait_request *request);

#endif
