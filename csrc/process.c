#include "process.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* CURLOPT_PREREQFUNCTION, on which sending once rests, came with this release. */
#define OLDEST_LIBCURL 0x075000U
#define OLDEST_LIBCURL_NAME "7.80.0"

#if LIBCURL_VERSION_NUM < 0x075000
#error "libcurl 7.80.0 or newer is needed"
#endif

static pthread_once_t started = PTHREAD_ONCE_INIT;
static const char *refusal;

/* Libcurl frees its buffers as they are, with the key in them. What goes through here does not
 * stay in memory that is free. */
static void wipe_and_free(void *memory)
{
    if (memory == NULL)
        return;
    explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

static void *wiping_realloc(void *memory, size_t size)
{
    size_t had = memory == NULL ? 0 : malloc_usable_size(memory);
    void *larger;

    if (memory != NULL && size <= had)
        return memory;
    larger = malloc(size == 0 ? 1 : size);
    if (larger == NULL)
        return NULL;
    if (had > 0)
        memcpy(larger, memory, had < size ? had : size);
    wipe_and_free(memory);
    return larger;
}

/* A Lua state unloads its modules when it closes, while a resolver thread of libcurl's may still
 * run, and with it what libcurl set up once for the process: so we stay, for good. */
static void stay_loaded(void)
{
    Dl_info info;

    /* There is nothing to find, nor to do, where we are linked into the program itself. */
    if (dladdr((void *)&refusal, &info) != 0)
        (void)dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

/* Never undone by curl_global_cleanup: others in the process may use libcurl, and its resolver
 * threads may still be running when we are unloaded. */
static void start(void)
{
    const curl_version_info_data *info;

    stay_loaded();
    /* Where libcurl is in use already, its allocator stays as it is. */
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wipe_and_free, wiping_realloc, strdup,
                             calloc) != CURLE_OK) {
        refusal = "libcurl could not be initialised";
        return;
    }
    info = curl_version_info(CURLVERSION_NOW);
    if (info->version_num < OLDEST_LIBCURL)
        refusal = "libcurl " OLDEST_LIBCURL_NAME " or newer is needed; this process has loaded "
                  "an older one";
    else if ((info->features & CURL_VERSION_SSL) == 0)
        refusal = "this process has loaded a libcurl without TLS";
}

const char *ait_process_start(void)
{
    if (pthread_once(&started, start) != 0)
        return "libcurl could not be initialised";
    return refusal;
}

const char *ait_process_libraries(void)
{
    return curl_version();
}
