/* One libcurl easy handle and the attempt it carries: options, callbacks, the guard, and the
 * reading of libcurl's result as an outcome.
 *
 * The guard: libcurl sends a POST again by itself when a reused connection dies before the
 * first byte of a response, and two POSTs are two invitations. It calls PREREQFUNCTION each
 * time it is about to send; ours lets the first pass and refuses the second.
 *
 * Owner: the engine. All functions run on the engine's thread; callbacks see no Lua. */
#ifndef AIT_TRANSFER_H
#define AIT_TRANSFER_H

#include "claim.h"
#include "outcome.h"
#include "request.h"
#include "sockets.h"

#include <curl/curl.h>
#include <stdint.h>

/* What is the same for every attempt of a client. The strings are copied. */
struct ait_settings {
    const char *user_agent;
    const char *secret;         /* the API key or token; NULL: none */
    bool bearer;                /* it is a token */
    const char *const *headers; /* further header lines, up to a NULL */
    const char *proxy;          /* NULL: as the environment says; "": none */
    const char *ca_file;        /* NULL: libcurl's own */
    const char *ca_path;        /* NULL: none */
    int64_t connect_timeout_ms;
    size_t max_response_bytes;
    size_t connections; /* how many to keep open */
    bool http2;
};

struct ait_transfer {
    CURL *easy;
    uint64_t id;
    struct ait_sockets *sockets; /* the engine's */
    ait_claim *claim;            /* asked before it is sent; NULL: nobody else's to withdraw */
    bool guarded;
    bool secure;
    bool secret; /* nothing of it may stay */
    long timeout_ms;
    bool stale;                 /* its connection was dead before anything was sent */
    bool fresh;                 /* it was told to use a new one */
    enum ait_failure stopped;   /* why a callback stopped it, or AIT_FAILURE_NONE */
    CURLU *url;                 /* parsed, for as long as requests go to the same one */
    struct ait_buffer url_text; /* what it was made of */
    struct ait_buffer sent;     /* the body while libcurl may read it */
    struct ait_outcome outcome;
    struct ait_transfer *previous, *next; /* in one of the engine's lists */
};

/* What an answer may be compressed with: of all that libcurl knows this one, which every server
 * knows, since each name is written for each attempt. Empty: libcurl does not know it. */
const char *ait_transfer_encoding(void);

/* An easy handle with all of the settings, from which every transfer's is copied; NULL if
 * memory ran out. The caller cleans it up. sockets must outlive all connections. */
CURL *ait_transfer_model(const struct ait_settings *settings, struct ait_sockets *sockets);

/* A transfer with its handle, which shares what share does; NULL if memory ran out. */
struct ait_transfer *ait_transfer_new(CURL *model, CURLSH *share, struct ait_sockets *sockets,
                                      size_t max_response_bytes);
void ait_transfer_free(struct ait_transfer *transfer);

/* Makes it ready to be added to a multi. headers and claim stay the caller's and must outlive the
 * attempt. False: memory ran out. */
bool ait_transfer_prepare(struct ait_transfer *transfer, uint64_t id,
                          const struct ait_request *request, struct curl_slist *headers,
                          int64_t timeout_ms, ait_claim *claim);

/* Makes a transfer that ended stale ready to be added once more, for a new connection. False: it
 * did not, or it had one already. */
bool ait_transfer_renew(struct ait_transfer *transfer);

/* Overwrites what was sent and received; the memory is kept for the next attempt. */
void ait_transfer_forget(struct ait_transfer *transfer);

/* Reads libcurl's verdict into the outcome and drops the body that was sent. */
void ait_transfer_finish(struct ait_transfer *transfer, CURLcode code);

#endif
