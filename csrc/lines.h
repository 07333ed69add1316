/* The header lines of an engine's requests, which never change, and the credential that is among
 * them: who wipes it, who leaves it out, and who masks it where a server repeats it.
 *
 * Owner: the engine, on its thread. No Lua. */
#ifndef AIT_LINES_H
#define AIT_LINES_H

#include "outcome.h"
#include "request.h"
#include "transfer.h"

struct ait_lines {
    /* Of a POST, of one without a body, and of a GET; the credential's is the first … */
    struct curl_slist *post, *bare, *get;
    bool has_credential; /* … where there is one */
    const char *secret;  /* in one of these lines; NULL: none worth masking */
};

/* False: memory ran out; what was made is to be wiped all the same. */
bool ait_lines_make(struct ait_lines *lines, const struct ait_settings *settings);
void ait_lines_wipe(struct ait_lines *lines);

/* Those of this request. */
struct curl_slist *ait_lines_of(const struct ait_lines *lines, const struct ait_request *request);

/* Masks the credential, where the server repeats it. */
void ait_lines_mask(const struct ait_lines *lines, struct ait_outcome *outcome);

#endif
