#include "process.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* CURLOPT_PREREQFUNCTION, on which sending once rests, came with this release. */
#define OLDEST_LIBCURL 0x075000U
#define OLDEST_LIBCURL_NAME "7.80.0"

#if LIBCURL_VERSION_NUM < 0x075000
#error "libcurl 7.80.0 or newer is needed"
#endif

static pthread_once_t started = PTHREAD_ONCE_INIT;
static const char *refusal;
static atomic_uint generation;
static _Atomic uint64_t serial;

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

/* -- in a child of fork() -- */

struct kept {
    void *memory;
    struct kept *next;
};

static _Atomic(struct kept *) kept;

void ait_process_keep(void *memory)
{
    struct kept *one = malloc(sizeof *one);

    if (one == NULL)
        return;
    one->memory = memory;
    one->next = atomic_load(&kept);
    while (!atomic_compare_exchange_weak(&kept, &one->next, one))
        ;
}

/* -- threads -- */

/* Of libcurl's and OpenSSL's functions none needs more than a part of it. */
#define STACK_SIZE ((size_t)512 * 1024)
#define GRACE_S 1

struct thread {
    pthread_t id;
    struct ait_task task;
    void *context;
    bool ended; /* its work; it is to be joined */
    struct thread *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the list and what is in it */
static struct thread *threads;

static void *run(void *context)
{
    const struct sched_param none = {0};
    struct thread *thread = context;

    /* When it is woken, those that woke it finish first what they are at. */
    (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
    thread->task.run(thread->context);
    pthread_mutex_lock(&lock);
    thread->ended = true;
    pthread_mutex_unlock(&lock);
    thread->task.end(thread->context);
    return NULL;
}

/* Gives back what threads that have ended have left; they have no more than their last few
 * instructions before them. */
static void join_ended(void)
{
    struct thread **link = &threads;

    while (*link != NULL) {
        struct thread *thread = *link;

        if (!thread->ended) {
            link = &thread->next;
            continue;
        }
        *link = thread->next;
        pthread_join(thread->id, NULL);
        free(thread);
    }
}

/* The signals of the process are its own threads' to handle. */
static bool create(struct thread *thread)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    bool created;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    created = pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0 &&
              pthread_create(&thread->id, &attributes, run, thread) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (created)
        pthread_setname_np(thread->id, "aitronos");
    return created;
}

bool ait_process_start_thread(const struct ait_task *task, void *context)
{
    struct thread *thread = calloc(1, sizeof *thread);
    bool created;

    if (thread == NULL)
        return false;
    thread->task = *task;
    thread->context = context;
    pthread_mutex_lock(&lock);
    join_ended();
    created = create(thread);
    if (created) {
        thread->next = threads;
        threads = thread;
    }
    pthread_mutex_unlock(&lock);
    if (!created)
        free(thread);
    return created;
}

/* Runs before OpenSSL's own, since it was registered after it: a thread that is in OpenSSL when
 * that cleans up crashes. One that does not end in time is left to its fate. */
static void stop_threads(void)
{
    struct timespec until;
    struct thread *left;

    pthread_mutex_lock(&lock);
    left = threads;
    threads = NULL;
    for (struct thread *thread = left; thread != NULL; thread = thread->next) {
        if (!thread->ended)
            thread->task.stop(thread->context);
    }
    pthread_mutex_unlock(&lock);

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += GRACE_S;
    while (left != NULL) {
        struct thread *thread = left;

        left = thread->next;
        if (pthread_timedjoin_np(thread->id, NULL, &until) == 0)
            free(thread);
    }
}

/* Its parent's threads are not there, and the lock is as one of them may have left it. */
static void start_child(void)
{
    pthread_mutex_t unlocked = PTHREAD_MUTEX_INITIALIZER;

    lock = unlocked;
    ait_process_keep(threads);
    threads = NULL;
    atomic_fetch_add(&generation, 1);
}

unsigned ait_process_generation(void)
{
    return atomic_load_explicit(&generation, memory_order_relaxed);
}

uint64_t ait_process_serial(void)
{
    return atomic_fetch_add(&serial, 1);
}

/* -- libcurl -- */

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
    if (pthread_atfork(NULL, NULL, start_child) != 0 || atexit(stop_threads) != 0) {
        refusal = "not enough memory";
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
