/* What one attempt came to. Filled in by a transfer, judged by the policy, told by the Lua face.
 *
 * "Begun" is the proof on which sending once rests: libcurl said that it is about to send the
 * request on a connection. Not begun means that not a byte of it left. */
#ifndef AIT_OUTCOME_H
#define AIT_OUTCOME_H

#include "buffer.h"
#include "headers.h"

#include <stdbool.h>

/* Why there is no whole response: the constant and its name in Lua. */
#define AIT_FAILURES(X)                                                                            \
    X(RESOLVE, "resolve")                                                                          \
    X(CONNECT, "connect")                                                                          \
    X(CONNECT_TIMEOUT, "connect_timeout")                                                          \
    X(PROXY, "proxy")                                                                              \
    X(TLS, "tls")                                                                                  \
    X(CERTIFICATE, "certificate")                                                                  \
    X(CA_FILE, "ca_file")                                                                          \
    X(URL, "url")                                                                                  \
    X(TIMEOUT, "timeout")                                                                          \
    X(RESET, "reset")                                                                              \
    X(RESEND, "resend") /* the guard stopped a second sending */                                   \
    X(HTTP2, "http2")                                                                              \
    X(NOT_HTTP, "not_http")                                                                        \
    X(TRUNCATED, "truncated")                                                                      \
    X(BAD_ENCODING, "bad_encoding")                                                                \
    X(RESPONSE_TOO_LARGE, "response_too_large")                                                    \
    X(HEADERS_TOO_LARGE, "headers_too_large")                                                      \
    X(OUT_OF_MEMORY, "out_of_memory")                                                              \
    X(INTERNAL, "internal")                                                                        \
    X(DEADLINE, "deadline")                                                                        \
    X(PAUSED, "paused")           /* the server asked for a pause beyond the deadline */           \
    X(INTERRUPTED, "interrupted") /* in an earlier process, before its answer was kept */          \
    X(CANCELLED, "cancelled")                                                                      \
    X(FORKED, "forked") /* it is the parent process's */                                           \
    X(CLOSED, "closed")

enum ait_failure {
    AIT_FAILURE_NONE = 0,
#define X(constant, name) AIT_FAILURE_##constant,
    AIT_FAILURES(X)
#undef X
};

#define AIT_OUTCOME_TEXT_SIZE 256

struct ait_outcome {
    enum ait_failure failure;
    bool begun;
    int status; /* of the last response whose status line arrived; 0: none */
    struct ait_headers headers;
    struct ait_buffer body;           /* decompressed */
    char text[AIT_OUTCOME_TEXT_SIZE]; /* libcurl's words for a failure, or "" */
};

void ait_outcome_init(struct ait_outcome *outcome, size_t max_body);

/* Makes it one of nothing yet; what it held is overwritten, the memory kept for the next. */
void ait_outcome_forget(struct ait_outcome *outcome);
void ait_outcome_free(struct ait_outcome *outcome);

/* A secret that a server repeats must not get into an Error, an event or a log. The body of a
 * success goes to the caller alone, as it is. */
void ait_outcome_mask(struct ait_outcome *outcome, const char *secret, size_t n);

#endif
