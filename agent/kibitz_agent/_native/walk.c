#include "walk.h"

#include <string.h>

#include "memory.h"

#if KB_FRAME_ON_THREAD_STATE
static uintptr_t current_frame(PyThreadState *ts, uintptr_t probed) {
    (void)probed;
    return (uintptr_t)__atomic_load_n(&ts->current_frame, __ATOMIC_ACQUIRE);
}

uintptr_t kb_stack_probe(PyThreadState *ts, kb_walk_quality *quality) {
    (void)ts, (void)quality;
    return 0;
}
#else
static uintptr_t current_frame(PyThreadState *ts, uintptr_t probed) {
    uintptr_t holder = (uintptr_t)__atomic_load_n(&ts->cframe, __ATOMIC_ACQUIRE), frame = 0;
    if (holder == (uintptr_t)&ts->root_cframe) return (uintptr_t)ts->root_cframe.current_frame;
    if (holder == probed) return (uintptr_t)__atomic_load_n(&((kb_cframe *)holder)->current_frame, __ATOMIC_ACQUIRE);
    return kb_read(&frame, holder + offsetof(kb_cframe, current_frame), sizeof frame) ? frame : 0;
}

/* The structure lies on the thread's C stack, unless no Python is running. A stack outlives its thread state, which is
 * alive, except when a C library ends the thread in the middle of Python: so each look sees first that it can be read. */
uintptr_t kb_stack_probe(PyThreadState *ts, kb_walk_quality *quality) {
    uintptr_t holder = (uintptr_t)__atomic_load_n(&ts->cframe, __ATOMIC_ACQUIRE);
    kb_cframe copy;
    quality->reads++;
    if (kb_read(&copy, holder, sizeof copy)) return holder;
    quality->failed_reads++;
    return 0;
}
#endif

/* The oldest chunk of the data stack is never freed while the thread state lives: the interpreter skips its first slot
 * so that popping a frame cannot empty it (pystate.c, push_chunk), and frees it after unlinking the state. */
static uintptr_t find_root(uintptr_t chunk, kb_walk_quality *quality) {
    for (int i = 0; i < KB_CHUNKS; i++) {
        kb_chunk header;
        quality->reads++;
        if (!kb_read(&header, chunk, offsetof(kb_chunk, data))) return 0;
        if (header.previous == NULL) return chunk;
        chunk = (uintptr_t)header.previous;
    }
    return 0;
}

static char *take(kb_arena *arena, size_t size) {
    size = (size + 7) & ~(size_t)7;
    if (arena->used + size > arena->size) return NULL;
    char *bytes = arena->bytes + arena->used;
    arena->used += size;
    return bytes;
}

int kb_stack_copy(PyThreadState *ts, uintptr_t probed, uintptr_t *root, kb_arena *arena, kb_copy_of_stack *copy,
                  kb_walk_quality *quality) {
    copy->chunks = 0;
    copy->moved = copy->orphaned = false;
    copy->current = current_frame(ts, probed);
    if (!copy->current) return 0;
    uintptr_t chunk = (uintptr_t)__atomic_load_n(&ts->datastack_chunk, __ATOMIC_ACQUIRE);
    uintptr_t top = (uintptr_t)__atomic_load_n(&ts->datastack_top, __ATOMIC_ACQUIRE);
    copy->top = copy->low = top;
    if (!chunk) return 1; /* only frames outside the data stack */
    if (!*root && !(*root = find_root(chunk, quality))) return -1;
    while (chunk && copy->chunks < KB_CHUNKS) {
        kb_chunk header = {0};
        size_t size;
        if (chunk == *root) {
            header = *(volatile kb_chunk *)chunk;
        } else {
            quality->reads++;
            if (!kb_read(&header, chunk, offsetof(kb_chunk, data))) return -1;
        }
        if (header.size < sizeof header || header.size > (64u << 20)) return -1;
        /* The chunk in use is filled up to the thread's top; an older one up to where it was left. */
        size = copy->chunks == 0 ? top - chunk : offsetof(kb_chunk, data) + header.top * sizeof(PyObject *);
        if (size > header.size) return -1;
        char *bytes = take(arena, size);
        if (!bytes) return -2;
        if (chunk == *root) {
            kb_copy(bytes, (const void *)chunk, size);
        } else {
            quality->reads++;
            if (!kb_read(bytes, chunk, size)) return -1;
        }
        copy->chunk[copy->chunks].base = chunk;
        copy->chunk[copy->chunks].size = size;
        copy->chunk[copy->chunks].copy = bytes;
        copy->chunks++;
        if (chunk == *root) break;
        chunk = (uintptr_t)header.previous;
    }
    /* Frames that were popped meanwhile are still there to read, under new ones perhaps. */
    uintptr_t later = (uintptr_t)__atomic_load_n(&ts->datastack_top, __ATOMIC_ACQUIRE);
    if ((uintptr_t)__atomic_load_n(&ts->datastack_chunk, __ATOMIC_ACQUIRE) != copy->chunk[0].base)
        copy->low = copy->chunk[0].base;
    else if (later != top)
        copy->low = later < top ? later : top;
    copy->moved = later != top;
    return 1;
}

static const kb_frame *frame_in_copy(const kb_copy_of_stack *copy, uintptr_t frame) {
    for (int i = 0; i < copy->chunks; i++) {
        uintptr_t offset = frame - copy->chunk[i].base;
        if (offset < copy->chunk[i].size && copy->chunk[i].size - offset >= KB_FRAME_SIZE)
            return (const kb_frame *)(copy->chunk[i].copy + offset);
    }
    return NULL;
}

static void reverse(kb_link *links, int from, int to) {
    for (to--; from < to; from++, to--) {
        kb_link link = links[from];
        links[from] = links[to];
        links[to] = link;
    }
}

int kb_stack_walk(kb_copy_of_stack *copy, kb_link *links, int capacity, int *depth, kb_walk_quality *quality) {
    union {
        kb_frame frame;
        char bytes[KB_FRAME_SIZE];
    } outside;
    int count = 0, steps = 0, outside_steps = 0;
    uintptr_t address = copy->current;
    while (address) {
        if (++steps > KB_MAX_WALK) {
            quality->endless++;
            return -1;
        }
        if (address & (sizeof(void *) - 1)) return -1;
        const kb_frame *frame = frame_in_copy(copy, address);
        if (!frame) {
            if (++outside_steps > KB_MAX_OUTSIDE) {
                quality->endless++;
                return -1;
            }
            quality->reads++;
            if (!kb_read(outside.bytes, address, sizeof outside.bytes)) {
                quality->failed_reads++;
                return -1;
            }
            frame = &outside.frame;
        }
        if (!kb_frame_owner_is_sane(frame)) return -1;
        if (!kb_frame_is_shim(frame)) {
            /* A ring keeps the outermost: MaxStackDepth cuts the inner end. */
            links[count % capacity] = (kb_link){address, kb_frame_code(frame), kb_frame_instruction(frame),
                                                  kb_frame_globals(frame)};
            count++;
        }
        address = (uintptr_t)frame->previous;
        /* A generator that is being resumed is the innermost frame a moment before it is told its caller. */
        copy->orphaned = !address && kb_frame_is_generator(frame);
    }
    *depth = count;
    if (count <= capacity) {
        reverse(links, 0, count);
        return count;
    }
    /* Rotate so that the oldest kept link comes first, then turn root first: two reversals of the two runs. */
    int split = count % capacity;
    reverse(links, 0, split);
    reverse(links, split, capacity);
    return capacity;
}

int kb_links_below(const kb_link *links, int count, const kb_copy_of_stack *copy, uintptr_t low) {
    if (!copy->chunks) return count;
    uintptr_t base = copy->chunk[0].base, end = base + copy->chunk[0].size;
    for (int i = 0; i < count; i++)
        if (links[i].frame >= low && links[i].frame >= base && links[i].frame < end) return i;
    return count;
}

int kb_links_confirmed(const kb_link *first, int first_count, const kb_link *second, int second_count) {
    int i = 0;
    for (; i < first_count && i < second_count; i++) {
        if (first[i].frame != second[i].frame || first[i].code != second[i].code) return i;
        /* A caller that moved on between the copies was not waiting for the callee seen with it: it is the leaf of what
         * both agree on. */
        if (first[i].instruction != second[i].instruction) return i + 1;
    }
    return i;
}
