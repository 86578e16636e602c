/* From a thread state to a chain of (code, instruction), read without the GIL. */
#ifndef KIBITZ_WALK_H
#define KIBITZ_WALK_H

#include "compat.h"

#define KB_CHUNKS 24               /* data-stack chunks copied of one thread; deeper frames are read one by one */
#define KB_ARENA_BYTES (1u << 20)  /* of the copies of one pass */
#define KB_MAX_WALK 65536          /* frames followed before a chain is called endless */
#define KB_MAX_OUTSIDE 4096        /* of them, frames outside the chunks: each costs a system call */

typedef struct {
    uintptr_t frame, code, instruction, globals;
} kb_link;

/* A thread's data stack as it was at one moment: the innermost frame, where the stack ended, and raw copies of the
 * chunks. `low`: the lowest end seen before and after; what lay above it may be stale. */
typedef struct {
    uintptr_t current, top, low;
    bool moved;
    bool orphaned; /* set by the walk: the outermost frame is a generator's, which somebody must be driving */
    int chunks;
    struct {
        uintptr_t base;
        size_t size;
        const char *copy;
    } chunk[KB_CHUNKS];
} kb_copy_of_stack;

typedef struct {
    char *bytes;
    size_t used, size;
} kb_arena;

typedef struct {
    uint64_t reads, failed_reads, retries, trimmed, torn, endless;
} kb_walk_quality;

/* What has to be asked of the kernel before copies are taken; to be given to them. */
uintptr_t kb_stack_probe(PyThreadState *ts, kb_walk_quality *quality);

/* Copies the stack of `ts`, whose life the caller guarantees (head lock). 1: done, 0: no Python frame, -1: unreadable,
 * -2: the arena is full. `root` remembers the thread's root chunk between calls: 0 at first. */
int kb_stack_copy(PyThreadState *ts, uintptr_t probed, uintptr_t *root, kb_arena *arena, kb_copy_of_stack *copy, kb_walk_quality *quality);

/* Follows the copy from the innermost frame outwards. The outermost `capacity` links end up in `links`, root first;
 * returns how many there are, or -1 when a frame could not be read. `depth` is the whole depth. */
int kb_stack_walk(kb_copy_of_stack *copy, kb_link *links, int capacity, int *depth, kb_walk_quality *quality);

/* How many links of `first`, from the root, are confirmed by `second`, taken later. `first` is whole if it is all. */
int kb_links_confirmed(const kb_link *first, int first_count, const kb_link *second, int second_count);

/* How many of the links, from the root, lie below `low` in the copied chunk in use: the others may be stale. */
int kb_links_below(const kb_link *links, int count, const kb_copy_of_stack *copy, uintptr_t low);

#endif
