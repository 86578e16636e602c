/* The sampling thread: wakes at its deadlines, never takes the GIL, never waits for a lock of the interpreter. */
#ifndef KIBITZ_SAMPLER_H
#define KIBITZ_SAMPLER_H

#include <pthread.h>

#include "codes.h"
#include "marks.h"
#include "threads.h"
#include "trie.h"

typedef struct {
    uint64_t interval_ns; /* asked for */
    int max_depth;
    uint32_t max_nodes, max_samples, max_threads, max_codes;
} kb_settings;

typedef struct {
    uint64_t ticks, missed_ticks, lock_misses, thread_samples, reused, dropped, work_ns;
} kb_counters;

typedef struct {
    kb_settings settings;
    PyInterpreterState *interpreter;
    pthread_t thread;
    pthread_mutex_t tick_lock; /* held by the thread through a tick, by GIL holders while they read or clear */
    pthread_mutex_t stop_lock;
    pthread_cond_t stop_asked;
    bool started, stop;
    uint64_t tick, last_tick_ns, random, earlier_cpu_ns, cpu_ns;
    kb_codes codes;
    kb_trie trie;
    kb_threads threads;
    kb_marks marks;
    kb_arena arena;
    kb_link *first, *second;
    kb_counters counters;
    kb_walk_quality quality;
} kb_sampler;

bool kb_sampler_init(kb_sampler *sampler, const kb_settings *settings, PyInterpreterState *interpreter);
/* In loop.c. */
void kb_sampler_init_stop(kb_sampler *sampler);
bool kb_sampler_pace(kb_sampler *sampler, uint64_t interval_ns, int max_depth); /* at any time; false: no memory */
int kb_sampler_start(kb_sampler *sampler);  /* 0, or an errno */
void kb_sampler_orphan(kb_sampler *sampler); /* in a forked child, which has no such thread */
void kb_sampler_stop(kb_sampler *sampler);  /* without the GIL held by the caller's thread, or with: it never takes it */
void kb_sampler_free(kb_sampler *sampler);  /* with the GIL, after stop */
void kb_sampler_tick(kb_sampler *sampler);  /* one pass over all threads: the loop's body, and the self-test's */

void kb_sampler_settle_cpu(kb_sampler *sampler); /* under the tick lock: CPU values of the samples become final */

#endif
