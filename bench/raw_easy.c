/* The floor: the same requests by a loop around one libcurl easy handle, without JSON, checks or
 * errors. Usage: raw_easy URL COUNT */
#include "raw.h"

#include <stdio.h>
#include <string.h>

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

int main(int argc, char **argv)
{
    static struct answer answer;
    long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    CURL *easy;

    if (count < 1) {
        fprintf(stderr, "usage: raw_easy URL COUNT\n");
        return 2;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (easy = raw_easy(argv[1])) == NULL ||
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer) != CURLE_OK)
        return 1;
    for (long i = 0; i < count; i++) {
        CURLcode code;
        long status = 0;

        answer.size = 0;
        code = curl_easy_perform(easy);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (code != CURLE_OK || status != 201) {
            fprintf(stderr, "raw_easy: %s, HTTP %ld\n", curl_easy_strerror(code), status);
            return 1;
        }
    }
    curl_easy_cleanup(easy);
    return 0;
}
