#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* process_vm_readv */
#endif
#include "memory.h"

#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static pid_t own_pid;

bool kb_read(void *target, uintptr_t source, size_t size) {
    struct iovec local = {target, size}, remote = {(void *)source, size};
    return process_vm_readv(own_pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

bool kb_read_probe(void) {
    own_pid = getpid();
    const char expected[16] = "kibitz-probe-01";
    char found[16] = {0};
    if (!kb_read(found, (uintptr_t)expected, sizeof expected) || memcmp(expected, found, sizeof expected)) return false;
    return !kb_read(found, 16, sizeof found); /* an address that cannot be mapped must be refused, not read */
}

/* The owner writes while this reads: a data race by design, which a sanitizer would report. */
#if defined(__has_attribute)
#if __has_attribute(no_sanitize)
__attribute__((no_sanitize("address", "thread")))
#endif
#endif
void kb_copy(void *target, const void *source, size_t size) {
    const volatile uint64_t *from = source;
    uint64_t *to = target;
    for (size_t words = size / sizeof *to; words; words--) *to++ = *from++;
}
