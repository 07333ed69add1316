/* What the text of a parameter must be. Pure; runs on any thread.
 *
 * Each check returns what is wrong with n bytes, any bytes, as a static text that never holds them:
 * they may be huge, or a secret in the wrong place. NULL: nothing is. */
#ifndef AIT_CHECK_H
#define AIT_CHECK_H

#include <stddef.h>

/* Ids in a list. */
#define AIT_CHECK_MOST_IDS 1000

/* "org_" and then letters, digits, "_" or "-". */
const char *ait_check_organization_id(const char *bytes, size_t n);

/* What is plausible. The server decides. */
const char *ait_check_email(const char *bytes, size_t n);

/* A line of text, which may stand where people read it. */
const char *ait_check_line(const char *bytes, size_t n);

/* What stands for something at the server. */
const char *ait_check_id(const char *bytes, size_t n);

const char *ait_check_full_name(const char *bytes, size_t n);
const char *ait_check_password(const char *bytes, size_t n);

#endif
