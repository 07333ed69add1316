/* Growth replaces the block instead of calling realloc, which could leave a copy of what is
 * later wiped somewhere in the heap. */
#include "buffer.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 256 };

void ait_buffer_init(struct ait_buffer *buffer, size_t maximum)
{
    *buffer = (struct ait_buffer){.maximum = maximum};
}

/* Expects needed <= buffer->maximum. */
static size_t next_capacity(const struct ait_buffer *buffer, size_t needed)
{
    if (buffer->capacity > buffer->maximum / 2)
        return buffer->maximum;
    size_t capacity = buffer->capacity * 2;
    if (capacity < FIRST_CAPACITY)
        capacity = FIRST_CAPACITY;
    if (capacity < needed)
        capacity = needed;
    return capacity < buffer->maximum ? capacity : buffer->maximum;
}

static enum ait_status grow(struct ait_buffer *buffer, size_t needed)
{
    size_t capacity = next_capacity(buffer, needed);
    char *data = malloc(capacity);
    if (data == NULL)
        return AIT_NO_MEMORY;
    if (buffer->data != NULL) {
        memcpy(data, buffer->data, buffer->size);
        explicit_bzero(buffer->data, buffer->capacity);
        free(buffer->data);
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return AIT_OK;
}

enum ait_status ait_buffer_extend(struct ait_buffer *buffer, size_t n, char **place)
{
    if (n > buffer->maximum - buffer->size)
        return AIT_TOO_LARGE;
    if (n > buffer->capacity - buffer->size) {
        enum ait_status status = grow(buffer, buffer->size + n);
        if (status != AIT_OK)
            return status;
    }
    *place = buffer->data + buffer->size;
    buffer->size += n;
    return AIT_OK;
}

enum ait_status ait_buffer_append(struct ait_buffer *buffer, const void *bytes, size_t n)
{
    char *place;
    enum ait_status status;

    if (n == 0)
        return AIT_OK;
    status = ait_buffer_extend(buffer, n, &place);
    if (status == AIT_OK)
        memcpy(place, bytes, n);
    return status;
}

enum ait_status ait_buffer_append_string(struct ait_buffer *buffer, const char *text)
{
    return ait_buffer_append(buffer, text, strlen(text));
}

/* How long the n bytes are where they begin the text, as they are or each perhaps behind a
 * backslash; 0: they do not. */
static size_t match(const char *text, size_t left, const char *bytes, size_t n)
{
    size_t at = 0;

    if (left >= n && memcmp(text, bytes, n) == 0)
        return n;
    for (size_t i = 0; i < n; i++) {
        at += at + 1 < left && text[at] == '\\' && text[at + 1] == bytes[i];
        if (at == left || text[at] != bytes[i])
            return 0;
        at++;
    }
    return at;
}

/* Where the bytes may begin, at `at` or later: with the first of them, or a backslash before it. */
static size_t next_place(const struct ait_buffer *buffer, size_t at, char first)
{
    const char *found = memchr(buffer->data + at, first, buffer->size - at);
    size_t place;

    if (found == NULL)
        return buffer->size;
    place = (size_t)(found - buffer->data);
    return place > at && found[-1] == '\\' ? place - 1 : place;
}

void ait_buffer_mask(struct ait_buffer *buffer, const char *bytes, size_t n)
{
    size_t at = 0;

    while (at < buffer->size && (at = next_place(buffer, at, bytes[0])) < buffer->size) {
        size_t found = match(buffer->data + at, buffer->size - at, bytes, n);

        memset(buffer->data + at, '*', found);
        at += found > 0 ? found : 1;
    }
}

void ait_buffer_clear(struct ait_buffer *buffer)
{
    if (buffer->size > 0)
        explicit_bzero(buffer->data, buffer->size);
    buffer->size = 0;
}

void ait_buffer_free(struct ait_buffer *buffer)
{
    free(buffer->data);
    ait_buffer_init(buffer, buffer->maximum);
}

void ait_buffer_wipe(struct ait_buffer *buffer)
{
    /* The whole capacity: what was cleared before may still lie beyond size. */
    if (buffer->data != NULL)
        explicit_bzero(buffer->data, buffer->capacity);
    ait_buffer_free(buffer);
}
