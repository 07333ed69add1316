/* What the two floors share: the request that ours sends, and nothing of ours. */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include <curl/curl.h>
#include <stdlib.h>

/* A handle for the request; NULL where libcurl refuses. CA_FILE is the environment's. */
static CURL *raw_easy(const char *url)
{
    static const char body[] = "{\"email\":\"newmember@example.com\",\"role_id\":\"role_member\","
                               "\"send_invitation\":true}";
    static struct curl_slist *headers; /* goes with the process */
    const char *ca_file = getenv("CA_FILE");
    CURL *easy = curl_easy_init();

    if (headers == NULL) {
        headers = curl_slist_append(headers, "Content-Type: application/json");
        headers = curl_slist_append(headers, "Accept: application/json");
        headers = curl_slist_append(headers, "X-API-Key: sandbox_unlimited");
    }
    if (easy == NULL || curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
        (ca_file != NULL && curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) != CURLE_OK))
        return NULL;
    return easy;
}

#endif
