#include "transfer.h"

#include <stdlib.h>
#include <string.h>

/* Below the idle time-outs of common load balancers, which hang up after 60 s. */
#define MAX_IDLE_CONNECTION_S 50L

/* An answer is far smaller than libcurl's usual buffer, which it takes and frees each time, and
 * which is wiped then. */
#define RECEIVE_BUFFER_SIZE 2000L

static int on_request(void *context, char *remote_ip, char *local_ip, int remote_port,
                      int local_port)
{
    struct ait_transfer *transfer = context;

    (void)remote_ip, (void)local_ip;
    if (transfer->outcome.begun && transfer->guarded) {
        transfer->stopped = AIT_FAILURE_RESEND;
        return CURL_PREREQFUNC_ABORT;
    }
    if (transfer->secure && ait_sockets_peer_gone(transfer->sockets, local_port, remote_port)) {
        transfer->stale = true;
        return CURL_PREREQFUNC_ABORT;
    }
    if (transfer->claim != NULL && !ait_claim_begin(transfer->claim)) {
        transfer->stopped = AIT_FAILURE_CANCELLED;
        return CURL_PREREQFUNC_ABORT;
    }
    transfer->outcome.begun = true;
    return CURL_PREREQFUNC_OK;
}

static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    return ait_sockets_open(context, address->family, address->socktype, address->protocol);
}

static int on_close(void *context, curl_socket_t fd)
{
    return ait_sockets_close(context, fd);
}

static size_t on_header(char *line, size_t size, size_t count, void *context)
{
    struct ait_transfer *transfer = context;

    switch (ait_headers_line(&transfer->outcome.headers, line, size * count)) {
    case AIT_OK:
        return size * count;
    case AIT_TOO_LARGE:
        transfer->stopped = AIT_FAILURE_HEADERS_TOO_LARGE;
        return 0;
    default:
        transfer->stopped = AIT_FAILURE_OUT_OF_MEMORY;
        return 0;
    }
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct ait_transfer *transfer = context;

    switch (ait_buffer_append(&transfer->outcome.body, bytes, size * count)) {
    case AIT_OK:
        return size * count;
    case AIT_TOO_LARGE:
        transfer->stopped = AIT_FAILURE_RESPONSE_TOO_LARGE;
        return 0;
    default:
        transfer->stopped = AIT_FAILURE_OUT_OF_MEMORY;
        return 0;
    }
}

static bool set_security(CURL *easy, const struct ait_settings *settings)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    CURLcode protocols = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    CURLcode protocols =
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    return protocols == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           /* A folder of one's own takes the place of the system's authorities. */
           ((settings->ca_file == NULL && settings->ca_path == NULL) ||
            curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file) == CURLE_OK) &&
           /* A CA folder, also the one compiled in, switches libcurl's CA cache off: some 30 ms
            * of CPU for each new connection. */
           curl_easy_setopt(easy, CURLOPT_CAPATH, settings->ca_path) == CURLE_OK;
}

/* Libcurl looks for these at each attempt. */
static bool environment_has_proxy(void)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                        "ALL_PROXY"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);

        if (value != NULL && *value != '\0')
            return true;
    }
    return false;
}

static bool set_proxy(CURL *easy, const struct ait_settings *settings)
{
    bool none = settings->proxy == NULL ? !environment_has_proxy() : settings->proxy[0] == '\0';

    if (none) /* the second, lest it look for exceptions in the environment */
        return curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK;
    /* Our header lines are not for the proxy, which may want to know who asks. */
    return curl_easy_setopt(easy, CURLOPT_USERAGENT, settings->user_agent) == CURLE_OK &&
           (settings->proxy == NULL ||
            curl_easy_setopt(easy, CURLOPT_PROXY, settings->proxy) == CURLE_OK);
}

static bool set_connection(CURL *easy, const struct ait_settings *settings)
{
    long version = settings->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;

#if LIBCURL_VERSION_NUM >= 0x075700
    /* Else a name server that hangs holds up every transfer of the multi, since libcurl joins
     * its resolver thread. */
    if (curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) != CURLE_OK)
        return false;
#endif
    return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, MAX_IDLE_CONNECTION_S) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)settings->connect_timeout_ms) ==
               CURLE_OK &&
           set_proxy(easy, settings) &&
           curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK;
}

static bool set_sockets(CURL *easy, struct ait_sockets *sockets)
{
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, sockets) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sockets) == CURLE_OK;
}

const char *ait_transfer_encoding(void)
{
    return (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_LIBZ) != 0 ? "gzip" : "";
}

static bool set_exchange(CURL *easy, const struct ait_settings *settings)
{
    return curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, ait_transfer_encoding()) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_SIZE) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
                            (curl_off_t)settings->max_response_bytes) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
}

CURL *ait_transfer_model(const struct ait_settings *settings, struct ait_sockets *sockets)
{
    CURL *easy = curl_easy_init();

    if (easy != NULL && set_security(easy, settings) && set_connection(easy, settings) &&
        set_sockets(easy, sockets) && set_exchange(easy, settings))
        return easy;
    curl_easy_cleanup(easy);
    return NULL;
}

static bool bind_handle(struct ait_transfer *transfer)
{
    CURL *easy = transfer->easy;

    return curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->outcome.text) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CURLU, transfer->url) == CURLE_OK;
}

struct ait_transfer *ait_transfer_new(CURL *model, CURLSH *share, struct ait_sockets *sockets,
                                      size_t max_response_bytes)
{
    struct ait_transfer *transfer = calloc(1, sizeof *transfer);

    if (transfer == NULL)
        return NULL;
    transfer->sockets = sockets;
    ait_buffer_init(&transfer->url_text, AIT_REQUEST_MAX_URL);
    ait_buffer_init(&transfer->sent, AIT_REQUEST_MAX_BODY);
    ait_outcome_init(&transfer->outcome, max_response_bytes);
    transfer->url = curl_url();
    transfer->easy = curl_easy_duphandle(model);
    if (transfer->url != NULL && transfer->easy != NULL && bind_handle(transfer) &&
        curl_easy_setopt(transfer->easy, CURLOPT_SHARE, share) == CURLE_OK)
        return transfer;
    ait_transfer_free(transfer);
    return NULL;
}

void ait_transfer_free(struct ait_transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    curl_url_cleanup(transfer->url);
    ait_buffer_wipe(&transfer->url_text);
    ait_buffer_wipe(&transfer->sent);
    ait_outcome_free(&transfer->outcome);
    free(transfer);
}

void ait_transfer_forget(struct ait_transfer *transfer)
{
    ait_buffer_clear(&transfer->sent);
    ait_outcome_forget(&transfer->outcome);
}

static void reset(struct ait_transfer *transfer, uint64_t id, bool guarded, ait_claim *claim)
{
    ait_transfer_forget(transfer);
    transfer->id = id;
    transfer->claim = claim;
    transfer->guarded = guarded;
    transfer->stale = false;
    transfer->stopped = AIT_FAILURE_NONE;
}

static bool set_body(struct ait_transfer *transfer, const struct ait_request *request)
{
    CURL *easy = transfer->easy;

    if (!request->post)
        return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    return ait_buffer_append(&transfer->sent, request->body.data, request->body.size) == AIT_OK &&
           curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->sent.size) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                            transfer->sent.data == NULL ? "" : transfer->sent.data) == CURLE_OK;
}

/* Parsing it anew for each request to the same URL would cost about a seventh of all that libcurl
 * does. What libcurl cannot parse is told by the attempt. */
static bool set_url(struct ait_transfer *transfer, const struct ait_buffer *url)
{
    struct ait_buffer *text = &transfer->url_text;
    CURLUcode code;

    if (text->size == url->size && memcmp(text->data, url->data, url->size) == 0)
        return true;
    ait_buffer_clear(text);
    code = curl_url_set(transfer->url, CURLUPART_URL, url->data, 0);
    if (code == CURLUE_OUT_OF_MEMORY)
        return false;
    if (code != CURLUE_OK)
        return curl_url_set(transfer->url, CURLUPART_URL, NULL, 0) == CURLUE_OK;
    return ait_buffer_append(text, url->data, url->size) == AIT_OK;
}

bool ait_transfer_prepare(struct ait_transfer *transfer, uint64_t id,
                          const struct ait_request *request, struct curl_slist *headers,
                          int64_t timeout_ms, ait_claim *claim)
{
    CURL *easy = transfer->easy;
    long timeout = timeout_ms < 1 ? 1 : (long)timeout_ms; /* 0 would mean for ever */

    reset(transfer, id, !request->repeatable, claim);
    transfer->timeout_ms = timeout;
    transfer->secret = request->secret;
    transfer->secure = strncmp(request->url.data, "https:", 6) == 0;
    if (transfer->fresh && curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 0L) != CURLE_OK)
        return false;
    transfer->fresh = false;
    return set_body(transfer, request) && set_url(transfer, &request->url) &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout) == CURLE_OK;
}

bool ait_transfer_renew(struct ait_transfer *transfer)
{
    CURL *easy = transfer->easy;
    curl_off_t taken_us = 0;
    long left_ms;

    if (!transfer->stale || transfer->fresh ||
        curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &taken_us) != CURLE_OK)
        return false;
    left_ms = transfer->timeout_ms - (long)(taken_us / 1000);
    if (left_ms <= 0 || curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, left_ms) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) != CURLE_OK)
        return false;
    transfer->stale = false;
    transfer->fresh = true;
    return true;
}

static enum ait_failure failure_before_sending(const struct ait_transfer *transfer, CURLcode code)
{
    long proxy_status = 0;

    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return AIT_FAILURE_RESOLVE;
    case CURLE_COULDNT_CONNECT:
        return AIT_FAILURE_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return AIT_FAILURE_CONNECT_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        return AIT_FAILURE_PROXY;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return AIT_FAILURE_URL;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
        return AIT_FAILURE_CERTIFICATE;
    case CURLE_SSL_CACERT_BADFILE:
        return AIT_FAILURE_CA_FILE;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CERTPROBLEM:
        return AIT_FAILURE_TLS;
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return AIT_FAILURE_HTTP2;
    case CURLE_OUT_OF_MEMORY:
        return AIT_FAILURE_OUT_OF_MEMORY;
    case CURLE_ABORTED_BY_CALLBACK: /* a new connection was dead at once, too */
        return AIT_FAILURE_RESET;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
        if (curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status) ==
                CURLE_OK &&
            proxy_status != 0)
            return AIT_FAILURE_PROXY;
        return AIT_FAILURE_RESET;
    default:
        return AIT_FAILURE_INTERNAL;
    }
}

static enum ait_failure failure_after_sending(const struct ait_transfer *transfer, CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return AIT_FAILURE_TIMEOUT;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
        return AIT_FAILURE_RESET;
    case CURLE_PARTIAL_FILE: /* over HTTP/2, also where no answer had begun */
        return transfer->outcome.headers.ended ? AIT_FAILURE_TRUNCATED : AIT_FAILURE_RESET;
    case CURLE_COULDNT_RESOLVE_HOST: /* libcurl was about to send it again, on a new connection */
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return AIT_FAILURE_RESEND;
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return AIT_FAILURE_HTTP2;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* an answer without a status line: HTTP/0.9 */
        return AIT_FAILURE_NOT_HTTP;
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WRITE_ERROR: /* no callback of ours refused: libcurl's decoder did */
        return AIT_FAILURE_BAD_ENCODING;
    case CURLE_FILESIZE_EXCEEDED:
        return AIT_FAILURE_RESPONSE_TOO_LARGE;
    case CURLE_OUT_OF_MEMORY:
        /* Also libcurl's code for a header line beyond its own maximum. */
        return transfer->outcome.headers.ended ? AIT_FAILURE_OUT_OF_MEMORY
                                               : AIT_FAILURE_HEADERS_TOO_LARGE;
#if LIBCURL_VERSION_NUM >= 0x080600
    case CURLE_TOO_LARGE:
        return AIT_FAILURE_HEADERS_TOO_LARGE;
#endif
    default:
        return AIT_FAILURE_INTERNAL;
    }
}

static enum ait_failure failure_of(const struct ait_transfer *transfer, CURLcode code)
{
    if (code == CURLE_OK)
        return AIT_FAILURE_NONE;
    if (transfer->stopped != AIT_FAILURE_NONE)
        return transfer->stopped;
    return transfer->outcome.begun ? failure_after_sending(transfer, code)
                                   : failure_before_sending(transfer, code);
}

void ait_transfer_finish(struct ait_transfer *transfer, CURLcode code)
{
    struct ait_outcome *outcome = &transfer->outcome;
    long status = 0;

    outcome->failure = failure_of(transfer, code);
    if (outcome->begun &&
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
        status >= 200)
        outcome->status = (int)status;
    if (outcome->failure != AIT_FAILURE_NONE && outcome->text[0] == '\0')
        strncpy(outcome->text, curl_easy_strerror(code), sizeof outcome->text - 1);
    ait_buffer_clear(&transfer->sent);
}
