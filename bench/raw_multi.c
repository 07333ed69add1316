/* The floor for many at once: the same requests by a bare loop around a libcurl multi, without
 * JSON, checks or errors. Usage: raw_multi URL COUNT CONCURRENCY; prints the seconds they took. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char body[] = "{\"email\":\"newmember@example.com\",\"role_id\":\"role_member\","
                           "\"send_invitation\":true}";

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    (void)context;
    return size * count;
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static CURL *new_easy(const char *url, struct curl_slist *headers)
{
    CURL *easy = curl_easy_init();

    if (easy == NULL || curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK) {
        fprintf(stderr, "raw_multi: no handle\n");
        exit(1);
    }
    return easy;
}

/* Adds each handle that is done again, until so many have been added. */
static int run(CURLM *multi, long count, long started)
{
    int running = 1, left;
    CURLMsg *message;

    for (long done = 0; done < count;) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            return 0;
        while ((message = curl_multi_info_read(multi, &left)) != NULL) {
            CURL *easy = message->easy_handle;
            long status = 0;

            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
            if (message->data.result != CURLE_OK || status != 201) {
                fprintf(stderr, "raw_multi: %s, HTTP %ld\n",
                        curl_easy_strerror(message->data.result), status);
                return 0;
            }
            done++;
            curl_multi_remove_handle(multi, easy);
            if (started < count && curl_multi_add_handle(multi, easy) == CURLM_OK)
                started++;
        }
        if (done < count && curl_multi_poll(multi, NULL, 0, 1000, NULL) != CURLM_OK)
            return 0;
    }
    return 1;
}

int main(int argc, char **argv)
{
    long count = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
    long most = argc == 4 ? strtol(argv[3], NULL, 10) : 0;
    struct curl_slist *headers = NULL;
    CURLM *multi;
    double started;

    if (most < 1 || count < most) {
        fprintf(stderr, "usage: raw_multi URL COUNT CONCURRENCY\n");
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, most);
    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Accept: application/json");
    headers = curl_slist_append(headers, "X-API-Key: sandbox_unlimited");
    started = now();
    for (long i = 0; i < most; i++)
        curl_multi_add_handle(multi, new_easy(argv[1], headers));
    if (!run(multi, count, most))
        return 1;
    printf("%.6f\n", now() - started);
    return 0; /* what it holds goes with the process */
}
