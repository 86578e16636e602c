#include "threads.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <stdlib.h>
#include <string.h>

#include "trie.h"

bool kb_threads_init(kb_threads *threads, uint32_t capacity) {
    memset(threads, 0, sizeof *threads);
    threads->capacity = capacity;
    threads->mask = capacity * 2 - 1;
    threads->threads = calloc(capacity, sizeof *threads->threads);
    threads->slots = calloc((size_t)threads->mask + 1, sizeof *threads->slots);
    return threads->threads && threads->slots;
}

void kb_threads_free(kb_threads *threads) {
    free(threads->threads);
    free(threads->slots);
    memset(threads, 0, sizeof *threads);
}

static uint32_t slot_of(const kb_threads *threads, uint64_t id) {
    return (uint32_t)(id * 0x9E3779B97F4A7C15u >> 32) & threads->mask;
}

kb_thread *kb_threads_find(kb_threads *threads, const PyThreadState *ts) {
    uint32_t slot = slot_of(threads, ts->id);
    for (; threads->slots[slot]; slot = (slot + 1) & threads->mask) {
        kb_thread *thread = &threads->threads[threads->slots[slot] - 1];
        if (thread->id == ts->id) {
            thread->native_id = ts->native_thread_id; /* set by the new thread itself, a little after its birth */
            thread->ident = ts->thread_id;
            return thread;
        }
    }
    if (threads->count == threads->capacity) return NULL;
    kb_thread *thread = &threads->threads[threads->count];
    memset(thread, 0, offsetof(kb_thread, links));
    thread->id = ts->id;
    thread->ident = ts->thread_id;
    thread->native_id = ts->native_thread_id;
    thread->node = KB_NO_NODE;
    threads->slots[slot] = ++threads->count;
    return thread;
}

bool kb_threads_skips(const kb_threads *threads, unsigned long native_id) {
    for (int i = 0; i < KB_SKIPPED && threads->skipped[i]; i++)
        if (threads->skipped[i] == native_id) return true;
    return false;
}

void kb_threads_forget_stale(kb_threads *threads, uint64_t before_tick) {
    uint32_t kept = 0;
    memset(threads->slots, 0, ((size_t)threads->mask + 1) * sizeof *threads->slots);
    for (uint32_t i = 0; i < threads->count; i++) {
        if (threads->threads[i].tick < before_tick) continue;
        if (kept != i) threads->threads[kept] = threads->threads[i];
        uint32_t slot = slot_of(threads, threads->threads[kept].id);
        while (threads->slots[slot]) slot = (slot + 1) & threads->mask;
        threads->slots[slot] = ++kept;
    }
    threads->count = kept;
}

bool kb_wants_to_run(pid_t native_id) {
    char path[48], text[128];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)native_id);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    if (size <= 0) return false;
    text[size] = 0;
    /* After the thread's name, at most fifteen characters of whatever kind. */
    const char *name_end = strrchr(text, ')');
    return name_end && name_end[1] == ' ' && name_end[2] == 'R';
}
