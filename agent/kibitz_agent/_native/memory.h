/* Reading this process's own memory without the risk of a fault. */
#ifndef KIBITZ_MEMORY_H
#define KIBITZ_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies `size` bytes from `source`, which may be unmapped at any moment; false if it is. One system call. */
bool kb_read(void *target, uintptr_t source, size_t size);

/* Whether kb_read works here at all: a container's seccomp profile may forbid the call. Call once per process. */
bool kb_read_probe(void);

/* Plain copy of memory that is known to stay mapped but that its owner goes on writing. */
void kb_copy(void *target, const void *source, size_t size);

#endif
