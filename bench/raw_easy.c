/* The floor: the same requests by a loop around one libcurl easy handle, without JSON, checks or
 * errors. Usage: raw_easy URL COUNT; prints the seconds that COUNT requests took. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char body[] = "{\"email\":\"newmember@example.com\",\"role_id\":\"role_member\","
                           "\"send_invitation\":true}";

struct answer {
    char bytes[65536];
    size_t size;
};

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct answer *answer = context;

    if (size * count > sizeof answer->bytes - answer->size)
        return 0;
    memcpy(answer->bytes + answer->size, bytes, size * count);
    answer->size += size * count;
    return size * count;
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int check(CURLcode code)
{
    if (code != CURLE_OK)
        fprintf(stderr, "raw_easy: %s\n", curl_easy_strerror(code));
    return code == CURLE_OK;
}

static int run(CURL *easy, long count, struct answer *answer)
{
    long status = 0;

    for (long i = 0; i < count; i++) {
        answer->size = 0;
        if (!check(curl_easy_perform(easy)) ||
            !check(curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status)))
            return 0;
        if (status != 201) {
            fprintf(stderr, "raw_easy: HTTP %ld\n", status);
            return 0;
        }
    }
    return 1;
}

int main(int argc, char **argv)
{
    static struct answer answer;
    struct curl_slist *headers = NULL;
    CURL *easy;
    long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    double started;
    int good;

    if (count < 1) {
        fprintf(stderr, "usage: raw_easy URL COUNT\n");
        return 2;
    }
    if (!check(curl_global_init(CURL_GLOBAL_DEFAULT)) || (easy = curl_easy_init()) == NULL)
        return 1;
    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Accept: application/json");
    headers = curl_slist_append(headers, "X-API-Key: sandbox_unlimited");
    good = check(curl_easy_setopt(easy, CURLOPT_URL, argv[1])) &&
           check(curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers)) &&
           check(curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body)) &&
           check(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body)) &&
           check(curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer)) &&
           check(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L)) && run(easy, 1, &answer);
    started = now();
    good = good && run(easy, count, &answer);
    if (good)
        printf("%.6f\n", now() - started);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    return good ? 0 : 1;
}
