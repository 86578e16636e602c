/* What is remembered of each thread between ticks. */
#ifndef KIBITZ_THREADS_H
#define KIBITZ_THREADS_H

#include "walk.h"

#define KB_STATE_WAITING 0u
#define KB_STATE_RUNNING 1u
#define KB_STATE_HOLDER 2u /* added: the thread held the GIL */
#define KB_STATE_COLLECTING 4u /* added: it was collecting garbage */
#define KB_STATE_DEPTH 3u /* above these bits: the whole depth of a stack that was cut at the limit, else 0 */

#define KB_CACHED_LINKS 192 /* root-side links whose nodes are remembered: deeper ones are looked up again */

#define KB_SKIPPED 8

typedef struct {
    uint64_t id; /* the interpreter's own number for the thread state: never used twice */
    unsigned long ident, native_id;
    uint64_t cpu_ns, tick, epoch;
    uint64_t used_cpu_ns, running_ns; /* this period: by its clock, and by what it was caught doing */
    int64_t unexplained_ns; /* by its clock more than by what it was caught doing, of late */
    uintptr_t root_chunk;
    uint32_t node; /* leaf of the last stack, KB_NO_NODE when it must be walked again */
    uint32_t orphaned_ticks; /* in a row: a generator that C alone drives, or one that is always met half way */
    uint32_t tags; /* of its last stack */
    uint32_t cut; /* the stack's whole depth if it was cut, else 0 */
    uint32_t cached; /* how many of the links below are valid */
    kb_link links[KB_CACHED_LINKS];
    uint32_t nodes[KB_CACHED_LINKS];
} kb_thread;

typedef struct {
    kb_thread *threads;
    uint32_t count, capacity, mask;
    uint32_t *slots;
    unsigned long skipped[KB_SKIPPED]; /* native ids of threads that are the agent's own; 0: free */
} kb_threads;

bool kb_threads_init(kb_threads *threads, uint32_t capacity);
void kb_threads_free(kb_threads *threads);
kb_thread *kb_threads_find(kb_threads *threads, const PyThreadState *ts); /* NULL when full */
bool kb_wants_to_run(pid_t native_id); /* by the kernel: it runs, or waits for a processor and for nothing else */
bool kb_threads_skips(const kb_threads *threads, unsigned long native_id);
void kb_threads_forget_stale(kb_threads *threads, uint64_t before_tick);   /* renumbers: only when no samples refer */

#endif
