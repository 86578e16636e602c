/* Clocks in nanoseconds. */
#ifndef KIBITZ_CLOCK_H
#define KIBITZ_CLOCK_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

static inline uint64_t kb_ns(const struct timespec *t) { return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec; }

static inline uint64_t kb_read_clock(clockid_t clock) {
    struct timespec t;
    return clock_gettime(clock, &t) ? 0 : kb_ns(&t);
}

static inline uint64_t kb_now(void) { return kb_read_clock(CLOCK_MONOTONIC); }

static inline uint64_t kb_own_cpu(void) { return kb_read_clock(CLOCK_THREAD_CPUTIME_ID); }

/* CPU time of a thread of this process by its kernel id; 0 once the thread is gone. The kernel's own encoding of a
 * per-thread scheduler clock: unlike pthread_getcpuclockid it never touches a dead thread's memory. */
static inline uint64_t kb_thread_cpu(pid_t native_id) {
    return native_id > 0 ? kb_read_clock((clockid_t)((~(unsigned)native_id << 3) | 6u)) : 0;
}

#endif
