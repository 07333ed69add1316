#include "request.h"

#include <string.h>

void ait_request_init(struct ait_request *request)
{
    request->post = false;
    request->repeatable = false;
    request->anonymous = false;
    request->secret = false;
    ait_buffer_init(&request->url, AIT_REQUEST_MAX_URL);
    ait_buffer_init(&request->body, AIT_REQUEST_MAX_BODY);
}

void ait_request_wipe(struct ait_request *request)
{
    ait_buffer_wipe(&request->url);
    ait_buffer_wipe(&request->body);
}

static bool copy_buffer(struct ait_buffer *buffer, const struct ait_buffer *other, size_t n)
{
    ait_buffer_clear(buffer);
    return ait_buffer_append(buffer, other->data, n) == AIT_OK;
}

bool ait_request_copy(struct ait_request *request, const struct ait_request *other)
{
    request->post = other->post;
    request->repeatable = other->repeatable;
    request->anonymous = other->anonymous;
    request->secret = other->secret;
    if (!copy_buffer(&request->body, &other->body, other->body.size) ||
        !copy_buffer(&request->url, &other->url, other->url.size))
        return false;
    return ait_request_end_url(request) == AIT_OK;
}

enum ait_status ait_request_append(struct ait_request *request, const char *text, size_t n)
{
    return ait_buffer_append(&request->url, text, n);
}

/* Not isalnum(): what is unreserved must not change with the host's locale. */
static bool unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

enum ait_status ait_request_append_escaped(struct ait_request *request, const char *text, size_t n)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t size_before = request->url.size;
    enum ait_status status = AIT_OK;

    for (size_t i = 0; i < n && status == AIT_OK; i++) {
        unsigned char c = (unsigned char)text[i];
        char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};

        if (unreserved(c))
            status = ait_buffer_append(&request->url, &text[i], 1);
        else
            status = ait_buffer_append(&request->url, escaped, sizeof escaped);
    }
    if (status != AIT_OK)
        request->url.size = size_before;
    return status;
}

enum ait_status ait_request_end_url(struct ait_request *request)
{
    enum ait_status status;

    if (request->url.size > 0 && memchr(request->url.data, '\0', request->url.size) != NULL)
        return AIT_INVALID;
    status = ait_buffer_append(&request->url, "", 1);
    if (status == AIT_OK)
        request->url.size--;
    return status;
}
