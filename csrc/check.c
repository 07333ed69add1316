#include "check.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define STRING(number) STRING_OF(number)
#define STRING_OF(number) #number

/* So that every request that passes here also fits what is sent. */
#define ID_BYTES 1024
#define LINE_BYTES 1048576
#define EMAIL_BYTES 254
#define LOCAL_BYTES 64
#define MOST_BYTES ((size_t)4) /* of a character */
#define NAME_CHARACTERS 255
#define PASSWORD_CHARACTERS 8 /* at least */

#define ID_TOO_LONG "must be at most " STRING(ID_BYTES) " bytes long"
#define NOT_UTF8 "must be valid UTF-8"

struct text {
    bool utf8;         /* throughout; what follows counts only then */
    bool control;      /* has a control character */
    bool blank;        /* has white space */
    size_t characters; /* also of what is no UTF-8: the bytes that may begin one */
};

/* The character at the start of n bytes, and how many bytes it takes; -1 where none is well-formed:
 * nothing overlong, no surrogate, nothing beyond U+10FFFF. */
static int32_t decode(const unsigned char *bytes, size_t n, size_t *taken)
{
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
    unsigned char first = bytes[0];
    size_t more = first < 0xC0 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    int32_t code = more == 0 ? first : first & (0x3F >> more);

    if ((first >= 0x80 && more == 0) || first >= 0xF8 || more >= n)
        return -1;
    for (size_t i = 1; i <= more; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return -1;
        code = code << 6 | (bytes[i] & 0x3F);
    }
    if (code < least[more] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return -1;
    *taken = more + 1;
    return code;
}

static bool is_control(int32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

static bool is_blank(int32_t code)
{
    return code == ' ' || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
           code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

static struct text look_at(const char *bytes, size_t n)
{
    const unsigned char *at = (const unsigned char *)bytes, *end = at + n;
    struct text text = {.utf8 = true};

    while (at < end) {
        size_t taken = 1;
        int32_t code = *at;

        if (code > ' ' && code < 0x7F) { /* nearly all are */
            text.characters++;
            at++;
            continue;
        }
        code = decode(at, (size_t)(end - at), &taken);
        text.utf8 = text.utf8 && code >= 0;
        text.control = text.control || is_control(code);
        text.blank = text.blank || is_blank(code);
        text.characters += (*at & 0xC0) != 0x80;
        at += taken;
    }
    return text;
}

/* isalnum() asks the locale. */
static bool is_id_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool begins(const char *bytes, size_t n, const char *with)
{
    return n >= strlen(with) && memcmp(bytes, with, strlen(with)) == 0;
}

const char *ait_check_organization_id(const char *bytes, size_t n)
{
    bool good = begins(bytes, n, "org_") && n > strlen("org_");

    if (n > ID_BYTES)
        return ID_TOO_LONG;
    for (size_t i = 0; i < n && good; i++)
        good = is_id_character(bytes[i]);
    if (good)
        return NULL;
    return begins(bytes, n, "ORG_")
               ? "is an id of an older form: ids now begin with lower-case org_"
               : "must be org_ followed by letters, digits, _ or -";
}

const char *ait_check_email(const char *bytes, size_t n)
{
    struct text text;
    const char *at;

    if (n > EMAIL_BYTES)
        return "must be at most " STRING(EMAIL_BYTES) " bytes long";
    text = look_at(bytes, n);
    if (!text.utf8)
        return NOT_UTF8;
    if (text.blank || text.control)
        return "must not hold white space or control characters";
    at = memchr(bytes, '@', n);
    if (at == NULL || memchr(at + 1, '@', (size_t)(bytes + n - at - 1)) != NULL)
        return "must have exactly one @";
    if (at == bytes || at == bytes + n - 1)
        return "must have something on both sides of its @";
    return at - bytes > LOCAL_BYTES ? "must have at most " STRING(LOCAL_BYTES) " bytes before its @"
                                    : NULL;
}

const char *ait_check_line(const char *bytes, size_t n)
{
    struct text text;

    if (n > LINE_BYTES)
        return "must be at most " STRING(LINE_BYTES) " bytes long";
    if (n == 0)
        return "must not be empty";
    text = look_at(bytes, n);
    if (!text.utf8)
        return NOT_UTF8;
    return text.control ? "must not hold control characters" : NULL;
}

/* One or two dots would be a step in the URL's path. */
const char *ait_check_id(const char *bytes, size_t n)
{
    if (n > ID_BYTES)
        return ID_TOO_LONG;
    if ((n == 1 || n == 2) && memcmp(bytes, "..", n) == 0)
        return "must not be made of dots";
    return ait_check_line(bytes, n);
}

const char *ait_check_full_name(const char *bytes, size_t n)
{
    if (n > MOST_BYTES * NAME_CHARACTERS || look_at(bytes, n).characters > NAME_CHARACTERS)
        return "must be at most " STRING(NAME_CHARACTERS) " characters long";
    return ait_check_line(bytes, n);
}

const char *ait_check_password(const char *bytes, size_t n)
{
    struct text text;

    if (n > ID_BYTES)
        return ID_TOO_LONG;
    text = look_at(bytes, n);
    if (text.characters < PASSWORD_CHARACTERS)
        return "must be at least " STRING(PASSWORD_CHARACTERS) " characters long";
    return text.utf8 ? NULL : NOT_UTF8;
}
