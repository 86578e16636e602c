/* Frames that carry tags, by address. Few, and mostly none: then a walk pays one comparison. */
#ifndef KIBITZ_MARKS_H
#define KIBITZ_MARKS_H

#include <stdbool.h>
#include <stdint.h>

#define KB_MARKS 4096 /* marked at a time; what comes beyond goes without */

typedef struct {
    uintptr_t frames[KB_MARKS];
    uint32_t tags[KB_MARKS];
    uint32_t count;
} kb_marks;

void kb_marks_set(kb_marks *marks, uintptr_t frame, uint32_t tags); /* 0: no tags any more */
uint32_t kb_marks_get(const kb_marks *marks, uintptr_t frame);

#endif
