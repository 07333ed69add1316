/* The floor for many at once: the same requests by a bare loop around a libcurl multi, without
 * JSON, checks or errors. Usage: raw_multi URL COUNT CONCURRENCY */
#include "raw.h"

#include <stdio.h>

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    (void)context;
    return size * count;
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
    CURLM *multi;

    if (most < 1 || count < 1) {
        fprintf(stderr, "usage: raw_multi URL COUNT CONCURRENCY\n");
        return 2;
    }
    if (most > count)
        most = count;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, most);
    for (long i = 0; i < most; i++) {
        CURL *easy = raw_easy(argv[1]);

        if (easy == NULL || curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK ||
            curl_multi_add_handle(multi, easy) != CURLM_OK)
            return 1;
    }
    return run(multi, count, most) ? 0 : 1; /* what it holds goes with the process */
}
