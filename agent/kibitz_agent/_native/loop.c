/* The sampling thread's life: it sleeps until a deadline, has a look taken, and ends when asked to. */
#include "sampler.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "clock.h"

void kb_sampler_init_stop(kb_sampler *sampler) {
    pthread_mutex_init(&sampler->stop_lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sampler->stop_asked, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void kb_sampler_orphan(kb_sampler *sampler) {
    sampler->started = false;
    kb_sampler_init_stop(sampler); /* its waiter stayed in the parent: destroying it as it is would wait for that one for ever */
}

static uint64_t jitter(kb_sampler *sampler) {
    sampler->random ^= sampler->random << 13;
    sampler->random ^= sampler->random >> 7;
    sampler->random ^= sampler->random << 17;
    return sampler->random % (sampler->settings.interval_ns / 2 + 1); /* a quarter to either side */
}

/* Sleeps until the deadline; true when asked to stop, which also ends the sleep. */
static bool stop_asked_before(kb_sampler *sampler, uint64_t deadline_ns) {
    struct timespec deadline = {(time_t)(deadline_ns / 1000000000u), (long)(deadline_ns % 1000000000u)};
    pthread_mutex_lock(&sampler->stop_lock);
    int timed_out = 0;
    while (!sampler->stop && timed_out == 0)
        timed_out = pthread_cond_timedwait(&sampler->stop_asked, &sampler->stop_lock, &deadline);
    bool stop = sampler->stop;
    pthread_mutex_unlock(&sampler->stop_lock);
    return stop;
}

static void *run(void *argument) {
    kb_sampler *sampler = argument;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    prctl(PR_SET_NAME, "kibitz-sampler"); /* own_threads.py knows it by this */
    uint64_t last = kb_now(), deadline = last;
    deadline += jitter(sampler) * 2; /* a random phase: agents do not march in step */
    while (!stop_asked_before(sampler, deadline - sampler->settings.interval_ns / 4 + jitter(sampler)) && !kb_finalizing()) {
        pthread_mutex_lock(&sampler->tick_lock);
        uint64_t begun = kb_now();
        sampler->last_tick_ns = begun - last;
        last = begun;
        kb_sampler_tick(sampler);
        uint64_t ended = kb_now();
        sampler->counters.work_ns += ended - begun;
        sampler->cpu_ns = sampler->earlier_cpu_ns + kb_own_cpu();
        uint64_t interval_ns = sampler->settings.interval_ns;
        pthread_mutex_unlock(&sampler->tick_lock);
        deadline += interval_ns;
        if (deadline < ended) { /* late: skip what was missed, never catch up in a burst */
            uint64_t missed = (ended - deadline) / interval_ns + 1;
            sampler->counters.missed_ticks += missed;
            deadline += missed * interval_ns;
        }
    }
    return NULL;
}

bool kb_sampler_pace(kb_sampler *sampler, uint64_t interval_ns, int max_depth) {
    bool done = true;
    pthread_mutex_lock(&sampler->tick_lock);
    sampler->settings.interval_ns = interval_ns;
    if (max_depth != sampler->settings.max_depth) {
        kb_link *first = calloc((size_t)max_depth, sizeof(kb_link)), *second = calloc((size_t)max_depth, sizeof(kb_link));
        done = first && second;
        if (done) {
            kb_link *old = sampler->first, *older = sampler->second;
            sampler->first = first;
            sampler->second = second;
            sampler->settings.max_depth = max_depth;
            sampler->codes.epoch++; /* every stack is walked again */
            first = old;
            second = older;
        }
        free(first);
        free(second);
    }
    pthread_mutex_unlock(&sampler->tick_lock);
    return done;
}

int kb_sampler_start(kb_sampler *sampler) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    sampler->stop = false;
    sampler->earlier_cpu_ns = sampler->cpu_ns;
    int error = pthread_create(&sampler->thread, &attributes, run, sampler);
    pthread_attr_destroy(&attributes);
    sampler->started = error == 0;
    return error;
}

void kb_sampler_stop(kb_sampler *sampler) {
    if (!sampler->started) return;
    pthread_mutex_lock(&sampler->stop_lock);
    sampler->stop = true;
    pthread_cond_signal(&sampler->stop_asked);
    pthread_mutex_unlock(&sampler->stop_lock);
    pthread_join(sampler->thread, NULL);
    sampler->started = false;
}
