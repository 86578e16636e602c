#include "sampler.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "memory.h"

#define PASSES 4 /* a first look and three retries */

typedef struct {
    kb_thread *thread;
    uint64_t cpu_ns; /* read before the copies, so that whatever runs after them shows at the next tick */
    uint64_t sample_cpu_ns;
    uint32_t holds; /* KB_STATE_HOLDER, KB_STATE_COLLECTING or neither */
    kb_copy_of_stack first, second;
} candidate;

#define BATCH 48
#define UNEXPLAINED_TICKS 2 /* so much CPU time, in ticks, may chance alone leave unexplained */
#define ORPHANED_TICKS 8 /* so often in a row no generator is met half way: C alone drives it */

bool kb_sampler_init(kb_sampler *sampler, const kb_settings *settings, PyInterpreterState *interpreter) {
    memset(sampler, 0, sizeof *sampler);
    sampler->settings = *settings;
    sampler->interpreter = interpreter;
    sampler->random = kb_now() | 1;
    pthread_mutex_init(&sampler->tick_lock, NULL);
    kb_sampler_init_stop(sampler);
    sampler->arena.size = KB_ARENA_BYTES;
    sampler->arena.bytes = malloc(KB_ARENA_BYTES);
    sampler->first = calloc((size_t)settings->max_depth, sizeof(kb_link));
    sampler->second = calloc((size_t)settings->max_depth, sizeof(kb_link));
    return kb_codes_init(&sampler->codes, settings->max_codes) &&
           kb_trie_init(&sampler->trie, settings->max_nodes, settings->max_samples) &&
           kb_threads_init(&sampler->threads, settings->max_threads) && sampler->arena.bytes && sampler->first &&
           sampler->second;
}

void kb_sampler_free(kb_sampler *sampler) {
    kb_codes_free(&sampler->codes);
    kb_trie_free(&sampler->trie);
    kb_threads_free(&sampler->threads);
    free(sampler->arena.bytes);
    free(sampler->first);
    free(sampler->second);
    pthread_mutex_destroy(&sampler->tick_lock);
    pthread_mutex_destroy(&sampler->stop_lock);
    pthread_cond_destroy(&sampler->stop_asked);
}

/* Node of the chain's leaf. The root side that is unchanged since the thread's last stack costs a comparison a link. */
static uint32_t intern(kb_sampler *sampler, kb_thread *thread, const kb_link *links, int count) {
    uint32_t node = KB_NO_NODE;
    int same = 0;
    if (thread->epoch != sampler->codes.epoch) thread->cached = 0;
    thread->epoch = sampler->codes.epoch;
    for (; same < count && (uint32_t)same < thread->cached; same++) {
        if (thread->links[same].code != links[same].code || thread->links[same].instruction != links[same].instruction)
            break;
        node = thread->nodes[same];
    }
    for (int i = same; i < count; i++) {
        uint32_t code = kb_codes_find(&sampler->codes, links[i].code, links[i].globals);
        if (code == KB_NO_CODE) return KB_NO_NODE;
        const kb_code *entry = &sampler->codes.entries[code];
        /* 3.11 and 3.12 point at the instruction before the next one: one unit before the first at the start. */
        intptr_t offset = (intptr_t)(links[i].instruction - entry->first_instruction);
        if (offset < -(intptr_t)sizeof(_Py_CODEUNIT) || offset >= (intptr_t)entry->code_bytes) return KB_NO_NODE;
        node = kb_trie_node(&sampler->trie, node, code, (int32_t)offset);
        if (node == KB_NO_NODE) {
            sampler->counters.dropped++;
            return KB_NO_NODE;
        }
        if (i < KB_CACHED_LINKS) {
            thread->links[i] = links[i];
            thread->nodes[i] = node;
            thread->cached = (uint32_t)i + 1;
        }
    }
    if ((uint32_t)count < thread->cached) thread->cached = (uint32_t)count;
    return node;
}

/* A sample stands for the time since the last tick. If the thread was on a processor at this very instant, it stands for
 * as much CPU time too: unbiased, where the clock's growth since the last tick would bill a short sleep for the work
 * before it. Draining scales these to the CPU time that the thread's clock really shows. */
static void count(kb_sampler *sampler, kb_thread *thread, uint64_t wall_ns, uint64_t cpu_ns, uint32_t holds) {
    uint32_t state = (cpu_ns ? KB_STATE_RUNNING : KB_STATE_WAITING) | holds;
    kb_sample *sample = kb_trie_sample(&sampler->trie, thread->node, (uint32_t)(thread - sampler->threads.threads),
                                       state | thread->cut << KB_STATE_DEPTH, thread->tags);
    if (!sample) {
        sampler->counters.dropped++;
        return;
    }
    sample->count++;
    sample->wall_ns += wall_ns;
    sample->cpu_ns += cpu_ns;
    thread->running_ns += cpu_ns;
    sampler->counters.thread_samples++;
}

/* Walks both copies; true when the thread is done with, false when it should be looked at again. */
static bool resolve(kb_sampler *sampler, candidate *c, bool last_pass) {
    int capacity = sampler->settings.max_depth, depth = 0, later_depth = 0;
    int n = kb_stack_walk(&c->first, sampler->first, capacity, &depth, &sampler->quality);
    int m = kb_stack_walk(&c->second, sampler->second, capacity, &later_depth, &sampler->quality);
    int sure = n > 0 && m > 0 ? kb_links_confirmed(sampler->first, n, sampler->second, m) : 0;
    if (!c->first.orphaned) {
        c->thread->orphaned_ticks = 0;
    } else if (!last_pass) {
        sampler->quality.retries++;
        return false;
    } else if (++c->thread->orphaned_ticks < ORPHANED_TICKS) {
        sampler->quality.torn++;
        return true;
    }
    bool moved = c->first.moved || c->second.moved || c->first.top != c->second.top;
    if (moved && sure > 0) {
        uintptr_t low = c->first.low < c->second.low ? c->first.low : c->second.low;
        sure = kb_links_below(sampler->first, sure, &c->first, low);
    }
    if (sure < n || n <= 0 || moved) {
        if (!last_pass) {
            sampler->quality.retries++;
            return false;
        }
        if (sure <= 0) {
            sampler->quality.torn++;
            return true;
        }
        sampler->quality.trimmed++;
    }
    uint32_t node = intern(sampler, c->thread, sampler->first, sure);
    if (node == KB_NO_NODE) {
        if (!last_pass) {
            sampler->quality.retries++;
            return false;
        }
        sampler->quality.torn++;
        return true;
    }
    c->thread->node = node;
    c->thread->cut = depth > capacity ? (uint32_t)depth : 0;
    c->thread->tags = 0;
    for (int i = sure - 1; sampler->marks.count && i >= 0 && !c->thread->tags; i--)
        c->thread->tags = kb_marks_get(&sampler->marks, sampler->first[i].frame);
    return true;
}

/* The CPU time that a sample stands for; none if the thread waits. A clock that moved while we looked belongs to a thread that is
 * on a processor now: all the time since the last tick. With one processor for all none ever is, at the very instant: where its
 * samples explain too little of what its clock shows, a thread that ran since the last tick and holds the GIL, or else wants to
 * run as far as the kernel knows, was running until this look took the processor away: for as long as its clock says. */
static uint64_t cpu_of_sample(const kb_thread *thread, uint64_t cpu_ns, uint64_t wall_ns, bool holder) {
    if (kb_thread_cpu((pid_t)thread->native_id) > cpu_ns) return wall_ns;
    if (!thread->cpu_ns || cpu_ns <= thread->cpu_ns) return 0;
    if (thread->unexplained_ns <= UNEXPLAINED_TICKS * (int64_t)wall_ns) return 0;
    if (!holder && !kb_wants_to_run((pid_t)thread->native_id)) return 0;
    uint64_t ran_ns = cpu_ns - thread->cpu_ns;
    return ran_ns < wall_ns ? ran_ns : wall_ns;
}

/* One look at every thread not yet seen in this tick. Returns how many are left for another pass, -1 if locked out. */
static int pass(kb_sampler *sampler, bool last_pass) {
    static candidate batch[BATCH]; /* one sampler a process: its stack stays small */
    int taken = 0, left = 0;
    uint64_t tick = sampler->tick;
    if (!kb_head_try_lock()) return -1;
    sampler->arena.used = 0;
    uint64_t wall_ns = sampler->last_tick_ns;
    const PyThreadState *holder = kb_gil_holder(sampler->interpreter);
    uint32_t held = KB_STATE_HOLDER | (kb_collecting(sampler->interpreter) ? KB_STATE_COLLECTING : 0);
    for (PyThreadState *ts = kb_thread_head(sampler->interpreter); ts; ts = ts->next) {
        if (kb_threads_skips(&sampler->threads, ts->native_thread_id)) continue;
        kb_thread *thread = kb_threads_find(&sampler->threads, ts);
        if (!thread) {
            sampler->counters.dropped++;
            continue;
        }
        if (thread->tick == tick) continue;
        uint64_t cpu_ns = kb_thread_cpu((pid_t)thread->native_id);
        if (cpu_ns == thread->cpu_ns && cpu_ns && thread->node != KB_NO_NODE &&
            thread->epoch == sampler->codes.epoch) {
            thread->tick = tick; /* it has not run since: its stack is what it was */
            sampler->counters.reused++;
            count(sampler, thread, wall_ns, 0, ts == holder ? held : 0);
            continue;
        }
        if (taken == BATCH) {
            left++;
            continue;
        }
        candidate *c = &batch[taken];
        c->thread = thread;
        c->cpu_ns = cpu_ns;
        c->sample_cpu_ns = 0;
        c->holds = ts == holder ? held : 0;
        uintptr_t probed = kb_stack_probe(ts, &sampler->quality), *root = &thread->root_chunk;
        int seen = kb_stack_copy(ts, probed, root, &sampler->arena, &c->first, &sampler->quality);
        if (seen > 0) seen = kb_stack_copy(ts, probed, root, &sampler->arena, &c->second, &sampler->quality);
        if (seen == 1) c->sample_cpu_ns = cpu_of_sample(thread, cpu_ns, wall_ns, c->holds != 0);
        if (seen == 0) { /* alive, but in no Python code */
            thread->tick = tick;
            thread->cpu_ns = cpu_ns;
            thread->node = KB_NO_NODE;
        } else if (seen == 1) {
            taken++;
        } else if (seen == -2 && taken) {
            left++; /* the arena is full: next pass */
        } else if (last_pass) {
            thread->tick = tick;
            thread->node = KB_NO_NODE;
            sampler->quality.torn++;
        } else {
            left++;
        }
    }
    kb_head_unlock();
    for (int i = 0; i < taken; i++) {
        kb_thread *thread = batch[i].thread;
        thread->node = KB_NO_NODE;
        if (!resolve(sampler, &batch[i], last_pass)) {
            left++;
            continue;
        }
        uint64_t cpu_ns = batch[i].cpu_ns;
        if (thread->cpu_ns && cpu_ns > thread->cpu_ns) {
            thread->used_cpu_ns += cpu_ns - thread->cpu_ns;
            thread->unexplained_ns += (int64_t)(cpu_ns - thread->cpu_ns);
        }
        int64_t least_ns = -UNEXPLAINED_TICKS * (int64_t)wall_ns;
        thread->unexplained_ns -= (int64_t)batch[i].sample_cpu_ns;
        if (thread->unexplained_ns < least_ns) thread->unexplained_ns = least_ns;
        thread->tick = tick;
        thread->cpu_ns = cpu_ns;
        if (thread->node != KB_NO_NODE) count(sampler, thread, wall_ns, batch[i].sample_cpu_ns, batch[i].holds);
    }
    return left;
}

void kb_sampler_tick(kb_sampler *sampler) {
    sampler->tick++;
    sampler->counters.ticks++;
    /* Large thread counts need more passes than retries: each pass takes BATCH of them. */
    int limit = PASSES;
    for (int i = 0; i < limit; i++) {
        int left = pass(sampler, i >= limit - 1);
        if (left < 0) {
            sampler->counters.lock_misses++;
            continue;
        }
        if (left == 0) break;
        limit = PASSES + (int)(sampler->threads.count / BATCH);
    }
}

void kb_sampler_settle_cpu(kb_sampler *sampler) {
    for (uint32_t i = 0; i < sampler->trie.sample_count; i++) {
        kb_sample *sample = &sampler->trie.samples[i];
        const kb_thread *thread = &sampler->threads.threads[sample->thread];
        if (thread->running_ns)
            sample->cpu_ns = (uint64_t)((double)sample->cpu_ns * (double)thread->used_cpu_ns / (double)thread->running_ns);
    }
    for (uint32_t i = 0; i < sampler->threads.count; i++) {
        kb_thread *thread = &sampler->threads.threads[i];
        if (!thread->running_ns) continue; /* never caught running: its CPU time waits for the next period */
        thread->running_ns = thread->used_cpu_ns = 0;
    }
}
