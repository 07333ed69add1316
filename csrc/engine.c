#include "engine.h"

#include "clock.h"
#include "lines.h"
#include "transfer.h"

#include <stdlib.h>

/* First in, first out; a transfer is in one list at most. */
struct list {
    struct ait_transfer *first, *last;
};

struct ait_engine {
    CURLM *multi;
    CURLSH *share; /* TLS sessions, which each handle would keep for itself */
    CURL *model;
    struct ait_lines lines;
    struct ait_sockets sockets;
    struct ait_watcher watcher; /* without functions: there is none */
    int64_t due_ms;             /* for the watcher */
    size_t max_response_bytes;
    long connections;
    struct list idle, open, finished;
};

static void list_append(struct list *list, struct ait_transfer *transfer)
{
    transfer->next = NULL;
    transfer->previous = list->last;
    if (list->last != NULL)
        list->last->next = transfer;
    else
        list->first = transfer;
    list->last = transfer;
}

static void list_remove(struct list *list, struct ait_transfer *transfer)
{
    if (transfer->previous != NULL)
        transfer->previous->next = transfer->next;
    else
        list->first = transfer->next;
    if (transfer->next != NULL)
        transfer->next->previous = transfer->previous;
    else
        list->last = transfer->previous;
}

static struct ait_transfer *list_find(const struct list *list, uint64_t id)
{
    struct ait_transfer *transfer = list->first;

    while (transfer != NULL && transfer->id != id)
        transfer = transfer->next;
    return transfer;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *unused)
{
    const struct ait_engine *engine = context;

    (void)easy, (void)unused;
    engine->watcher.watch(engine->watcher.context, fd, (what & CURL_POLL_IN) != 0,
                          (what & CURL_POLL_OUT) != 0);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
    struct ait_engine *engine = context;

    (void)multi;
    engine->due_ms = timeout_ms < 0 ? INT64_MAX : ait_clock_now_ms() + timeout_ms;
    return 0;
}

static bool set_watcher(struct ait_engine *engine)
{
    CURLM *multi = engine->multi;

    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, engine) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERDATA, engine) == CURLM_OK;
}

static bool open_share(struct ait_engine *engine)
{
    if (engine->share == NULL)
        engine->share = curl_share_init();
    return engine->share != NULL && curl_share_setopt(engine->share, CURLSHOPT_SHARE,
                                                      CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK;
}

static bool open_multi(struct ait_engine *engine)
{
    if (engine->multi != NULL)
        return true;
    if (!open_share(engine))
        return false;
    engine->due_ms = INT64_MAX;
    engine->multi = curl_multi_init();
    if (engine->multi == NULL)
        return false;
    if (curl_multi_setopt(engine->multi, CURLMOPT_MAXCONNECTS, engine->connections) == CURLM_OK &&
        (engine->watcher.watch == NULL || set_watcher(engine)))
        return true;
    curl_multi_cleanup(engine->multi);
    engine->multi = NULL;
    return false;
}

struct ait_engine *ait_engine_new(const struct ait_settings *settings)
{
    struct ait_engine *engine = calloc(1, sizeof *engine);

    if (engine == NULL)
        return NULL;
    engine->max_response_bytes = settings->max_response_bytes;
    engine->connections = (long)settings->connections;
    engine->due_ms = INT64_MAX;
    engine->model = ait_transfer_model(settings, &engine->sockets);
    if (engine->model != NULL && ait_lines_make(&engine->lines, settings))
        return engine;
    ait_engine_free(engine);
    return NULL;
}

size_t ait_engine_max_response_bytes(const struct ait_engine *engine)
{
    return engine->max_response_bytes;
}

static void free_list(struct list *list)
{
    struct ait_transfer *transfer = list->first;

    while (transfer != NULL) {
        struct ait_transfer *next = transfer->next;

        ait_transfer_free(transfer);
        transfer = next;
    }
    *list = (struct list){NULL, NULL};
}

void ait_engine_free(struct ait_engine *engine)
{
    if (engine == NULL)
        return;
    for (struct ait_transfer *t = engine->open.first; t != NULL; t = t->next)
        curl_multi_remove_handle(engine->multi, t->easy);
    free_list(&engine->open);
    free_list(&engine->finished);
    free_list(&engine->idle);
    curl_multi_cleanup(engine->multi);
    curl_share_cleanup(engine->share);
    curl_easy_cleanup(engine->model);
    ait_sockets_free(&engine->sockets);
    ait_lines_wipe(&engine->lines);
    free(engine);
}

static void finish(struct ait_engine *engine, struct ait_transfer *transfer, CURLcode code)
{
    list_remove(&engine->open, transfer);
    ait_transfer_finish(transfer, code);
    ait_lines_mask(&engine->lines, &transfer->outcome);
    list_append(&engine->finished, transfer);
}

static struct ait_transfer *idle_transfer(struct ait_engine *engine)
{
    struct ait_transfer *transfer = engine->idle.last;

    if (transfer == NULL)
        return ait_transfer_new(engine->model, engine->share, &engine->sockets,
                                engine->max_response_bytes);
    list_remove(&engine->idle, transfer);
    return transfer;
}

bool ait_engine_add(struct ait_engine *engine, uint64_t id, const struct ait_request *request,
                    int64_t timeout_ms, ait_claim *claim)
{
    struct ait_transfer *transfer = open_multi(engine) ? idle_transfer(engine) : NULL;

    if (transfer == NULL)
        return false;
    if (!ait_transfer_prepare(transfer, id, request, ait_lines_of(&engine->lines, request),
                              timeout_ms, claim)) {
        list_append(&engine->idle, transfer);
        return false;
    }
    list_append(&engine->open, transfer);
    if (curl_multi_add_handle(engine->multi, transfer->easy) != CURLM_OK)
        finish(engine, transfer, CURLE_FAILED_INIT);
    return true;
}

bool ait_engine_share(struct ait_engine *engine, size_t place, uint64_t *id, ait_claim *claim)
{
    struct ait_transfer *transfer = engine->open.first;

    while (transfer != NULL && place-- > 0)
        transfer = transfer->next;
    if (transfer == NULL)
        return false;
    *id = transfer->id;
    if (claim != NULL && transfer->outcome.begun)
        (void)ait_claim_begin(claim);
    transfer->claim = claim;
    return true;
}

/* Its next attempt may be long in coming: nothing of this one stays, but its URL. */
static void retire(struct ait_engine *engine, struct ait_transfer *transfer)
{
    if (transfer->secret) {
        ait_transfer_free(transfer);
        return;
    }
    ait_transfer_forget(transfer);
    list_append(&engine->idle, transfer);
}

bool ait_engine_cancel(struct ait_engine *engine, uint64_t id, bool *begun)
{
    struct ait_transfer *transfer = list_find(&engine->open, id);

    if (transfer != NULL) {
        curl_multi_remove_handle(engine->multi, transfer->easy);
        list_remove(&engine->open, transfer);
    } else {
        transfer = list_find(&engine->finished, id);
        if (transfer == NULL)
            return false;
        list_remove(&engine->finished, transfer);
    }
    *begun = transfer->outcome.begun;
    retire(engine, transfer);
    return true;
}

static void collect(struct ait_engine *engine)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(engine->multi, &left)) != NULL) {
        CURLcode code = message->data.result;
        CURL *easy = message->easy_handle;
        struct ait_transfer *transfer;

        if (message->msg != CURLMSG_DONE ||
            curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer) != CURLE_OK)
            continue;
        curl_multi_remove_handle(engine->multi, easy); /* ends the life of message */
        if (!ait_transfer_renew(transfer) || curl_multi_add_handle(engine->multi, easy) != CURLM_OK)
            finish(engine, transfer, code);
    }
}

/* After an error of the multi nothing is known of its transfers but what their callbacks saw:
 * each ends with that, and the next ones get a new multi. */
static void start_over(struct ait_engine *engine)
{
    struct ait_transfer *transfer;

    while ((transfer = engine->open.first) != NULL) {
        curl_multi_remove_handle(engine->multi, transfer->easy);
        finish(engine, transfer, CURLE_FAILED_INIT);
    }
    curl_multi_cleanup(engine->multi);
    engine->multi = NULL;
}

static bool perform(struct ait_engine *engine)
{
    int running;

    if (engine->multi == NULL)
        return open_multi(engine);
    if (curl_multi_perform(engine->multi, &running) != CURLM_OK) {
        start_over(engine);
        return false;
    }
    collect(engine);
    return true;
}

void ait_engine_step(struct ait_engine *engine, int64_t timeout_ms, int fd)
{
    struct curl_waitfd other = {.fd = fd, .events = CURL_WAIT_POLLIN};
    int64_t end_ms = ait_clock_now_ms() + timeout_ms;
    int64_t left_ms = timeout_ms;
    int ready;

    while (perform(engine) && engine->finished.first == NULL && left_ms > 0) {
        if (curl_multi_poll(engine->multi, &other, fd >= 0, (int)left_ms, &ready) != CURLM_OK) {
            start_over(engine);
            return;
        }
        left_ms = ready > 0 && other.revents == 0 ? end_ms - ait_clock_now_ms() : 0;
    }
}

bool ait_engine_attach(struct ait_engine *engine, const struct ait_watcher *watcher)
{
    engine->watcher = *watcher;
    engine->sockets.opened = watcher->opened;
    engine->sockets.closed = watcher->closed;
    engine->sockets.context = watcher->context;
    if (engine->multi == NULL || set_watcher(engine))
        return true;
    engine->watcher.watch = NULL;
    return false;
}

int64_t ait_engine_due_ms(const struct ait_engine *engine)
{
    return engine->due_ms;
}

static void act(struct ait_engine *engine, curl_socket_t fd, int ready)
{
    int running;

    if (engine->multi == NULL)
        return;
    if (curl_multi_socket_action(engine->multi, fd, ready, &running) == CURLM_OK)
        collect(engine);
    else
        start_over(engine);
}

void ait_engine_expire(struct ait_engine *engine)
{
    engine->due_ms = INT64_MAX; /* libcurl says when next, in this call or a later one */
    act(engine, CURL_SOCKET_TIMEOUT, 0);
}

void ait_engine_move(struct ait_engine *engine, int fd, bool in, bool out)
{
    act(engine, fd, (in ? CURL_CSELECT_IN : 0) | (out ? CURL_CSELECT_OUT : 0));
}

struct ait_outcome *ait_engine_finished(const struct ait_engine *engine, uint64_t *id)
{
    struct ait_transfer *transfer = engine->finished.first;

    if (transfer == NULL)
        return NULL;
    *id = transfer->id;
    return &transfer->outcome;
}

void ait_engine_release(struct ait_engine *engine)
{
    struct ait_transfer *transfer = engine->finished.first;

    list_remove(&engine->finished, transfer);
    retire(engine, transfer);
}

void ait_engine_take(struct ait_engine *engine, struct ait_outcome *outcome)
{
    struct ait_outcome *finished = &engine->finished.first->outcome;
    struct ait_outcome taken = *finished;

    *finished = *outcome;
    *outcome = taken;
    ait_engine_release(engine);
}

void *ait_engine_abandon(struct ait_engine *engine)
{
    struct ait_engine *left = malloc(sizeof *left);

    if (left != NULL)
        *left = *engine;
    engine->multi = NULL;
    engine->share = NULL;
    engine->watcher = (struct ait_watcher){.watch = NULL};
    engine->sockets = (struct ait_sockets){.list = NULL};
    engine->idle = engine->open = engine->finished = (struct list){NULL, NULL};
    return left;
}
