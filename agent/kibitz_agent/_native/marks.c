#include "marks.h"

static uint32_t slot_of(uintptr_t frame) {
    return (uint32_t)(((uint64_t)frame >> 3) * 0x9E3779B97F4A7C15u >> 40) & (KB_MARKS - 1);
}

static uint32_t find(const kb_marks *marks, uintptr_t frame) {
    uint32_t slot = slot_of(frame);
    while (marks->frames[slot] && marks->frames[slot] != frame) slot = (slot + 1) & (KB_MARKS - 1);
    return slot;
}

/* The entries behind the hole that would not be found any more move up. */
static void close_hole(kb_marks *marks, uint32_t hole) {
    for (uint32_t slot = (hole + 1) & (KB_MARKS - 1); marks->frames[slot]; slot = (slot + 1) & (KB_MARKS - 1)) {
        uint32_t wanted = slot_of(marks->frames[slot]);
        bool stays = hole <= slot ? hole < wanted && wanted <= slot : hole < wanted || wanted <= slot;
        if (stays) continue;
        marks->frames[hole] = marks->frames[slot];
        marks->tags[hole] = marks->tags[slot];
        hole = slot;
    }
    marks->frames[hole] = 0;
}

void kb_marks_set(kb_marks *marks, uintptr_t frame, uint32_t tags) {
    uint32_t slot = find(marks, frame);
    if (tags == 0) {
        if (!marks->frames[slot]) return;
        marks->count--;
        close_hole(marks, slot);
        return;
    }
    if (!marks->frames[slot]) {
        if (marks->count >= KB_MARKS / 2) return;
        marks->frames[slot] = frame;
        marks->count++;
    }
    marks->tags[slot] = tags;
}

uint32_t kb_marks_get(const kb_marks *marks, uintptr_t frame) {
    uint32_t slot = find(marks, frame);
    return marks->frames[slot] ? marks->tags[slot] : 0;
}
