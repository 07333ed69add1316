/* An explicit_bzero that stands in for the C library's, under both names that compilers call it by,
 * to see what is overwritten before the memory is gone. */
#ifndef AIT_WIPED_H
#define AIT_WIPED_H

#include <stddef.h>
#include <string.h>

static size_t wiped;
void explicit_bzero(void *memory, size_t n);
void __explicit_bzero_chk(void *memory, size_t n, size_t known);

void explicit_bzero(void *memory, size_t n)
{
    wiped += n;
    memset(memory, 0, n);
}

void __explicit_bzero_chk(void *memory, size_t n, size_t known)
{
    (void)known;
    explicit_bzero(memory, n);
}

#endif
