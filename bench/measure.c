/* Runs a command and prints what it took, from its start to its end: seconds, CPU seconds, and peak
 * RSS in KiB. What the command prints is dropped. Usage: measure COMMAND… */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    struct rusage usage;
    double started = now(), seconds;
    int status;
    pid_t child;

    if (argc < 2 || (child = fork()) < 0)
        return 2;
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

        if (nowhere >= 0)
            dup2(nowhere, STDOUT_FILENO);
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    if (wait4(child, &status, 0, &usage) != child || status != 0) {
        fprintf(stderr, "measure: %s ended with %d\n", argv[1], status);
        return 1;
    }
    seconds = now() - started;
    printf("%.6f %.6f %ld\n", seconds, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime),
           usage.ru_maxrss);
    return 0;
}
