/* A byte buffer that is born with its maximum: growth without bound cannot be written.
 *
 * Invariants: size <= capacity <= maximum; data is NULL exactly while capacity is 0.
 * Owner: whoever holds the struct. No thread of its own, no Lua, no libcurl. */
#ifndef AIT_BUFFER_H
#define AIT_BUFFER_H

#include <stddef.h>

enum ait_status {
    AIT_OK = 0,
    AIT_NO_MEMORY,
    AIT_TOO_LARGE, /* a maximum would be exceeded; nothing was changed */
    AIT_INVALID,   /* the input is not what its grammar allows */
};

struct ait_buffer {
    char *data;
    size_t size;
    size_t capacity;
    size_t maximum;
};

void ait_buffer_init(struct ait_buffer *buffer, size_t maximum);

/* Appends n bytes, which must not lie in the buffer itself. On AIT_NO_MEMORY and AIT_TOO_LARGE
 * the buffer is as it was. */
enum ait_status ait_buffer_append(struct ait_buffer *buffer, const void *bytes, size_t n);

/* Makes it n bytes longer, at least one, which the caller fills in at *place; or as above. */
enum ait_status ait_buffer_extend(struct ait_buffer *buffer, size_t n, char **place);

/* Appends a C string without its NUL. */
enum ait_status ait_buffer_append_string(struct ait_buffer *buffer, const char *text);

/* Masking anything shorter would mask half of what a server says. */
#define AIT_MIN_SECRET ((size_t)8)

/* Overwrites with asterisks wherever these n bytes, at least one, stand in the buffer, also as JSON
 * may write them: with backslashes before some. */
void ait_buffer_mask(struct ait_buffer *buffer, const char *bytes, size_t n);

/* Overwrites the content and keeps the memory for the next use. */
void ait_buffer_clear(struct ait_buffer *buffer);

/* Gives the memory back; the buffer can be used again, with the same maximum. */
void ait_buffer_free(struct ait_buffer *buffer);

/* As ait_buffer_free, after overwriting the memory in a way that the compiler keeps. What growth
 * left behind has been overwritten before, so no copy remains. */
void ait_buffer_wipe(struct ait_buffer *buffer);

#endif
