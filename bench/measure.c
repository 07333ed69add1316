/* Runs a command and prints what it took: seconds, its CPU seconds, its peak RSS in KiB. The
 * seconds are what it prints itself, so that its start is left out, or else from its start to its
 * end. Usage: measure COMMAND… */
#include <stdio.h>
#include <stdlib.h>
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
    int ends[2], status;
    double started = now(), seconds;
    char first[4096];
    char line[4096];
    FILE *output;
    pid_t child;

    if (argc < 2 || pipe(ends) != 0 || (child = fork()) < 0)
        return 2;
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    close(ends[1]);
    output = fdopen(ends[0], "r");
    if (output == NULL || fgets(first, sizeof first, output) == NULL)
        first[0] = '\0';
    while (output != NULL && fgets(line, sizeof line, output) != NULL)
        ;
    if (wait4(child, &status, 0, &usage) != child || status != 0) {
        fprintf(stderr, "measure: %s ended with %d\n", argv[1], status);
        return 1;
    }
    if (sscanf(first, "%lf", &seconds) != 1)
        seconds = now() - started;
    printf("%.6f %.6f %ld\n", seconds, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime),
           usage.ru_maxrss);
    return 0;
}
