/* The registry of code objects: an address becomes a small number that is never used again for another function.
 *
 * An address is only ever met without the GIL, and the object may be gone a moment later. So what will be needed of it is
 * copied at first sight, and a reference is taken only when a holder of the GIL finds it running on some thread. */
#ifndef KIBITZ_CODES_H
#define KIBITZ_CODES_H

#include "compat.h"

#define KB_NO_CODE UINT32_MAX

typedef struct {
    uint32_t at, bytes; /* in the registry's texts; no bytes: it was too long or there was no room */
    uint32_t kind;      /* bytes a character */
} kb_text;

typedef struct {
    uintptr_t address;
    uintptr_t first_instruction;
    uint32_t code_bytes;  /* of bytecode: an instruction pointer outside is a torn read */
    uintptr_t name, file; /* with first_line and code_bytes: what must still be there for it to be the same function */
    int first_line;
    uintptr_t globals; /* of the frame it was first seen in */
    kb_text name_text, file_text, lines;
    PyObject *code; /* a reference, or NULL */
    bool live;      /* the address still means this entry */
} kb_code;

typedef struct {
    kb_code *entries;
    uint32_t count, capacity;
    uint32_t *slots; /* hash of addresses to entry + 1 */
    uint32_t mask;
    char *texts;
    uint32_t texts_used, texts_size;
    uint32_t unheld;  /* live entries without a reference */
    uint32_t checked; /* where the next verification begins */
    uint64_t epoch;   /* grows whenever an address stops meaning what it did: caches keyed by address are void */
    uint64_t refused; /* sightings that were no code object, or found the registry full */
} kb_codes;

bool kb_codes_init(kb_codes *codes, uint32_t capacity);
void kb_codes_free(kb_codes *codes); /* with the GIL, not under the tick lock: it may destroy code objects */

/* Under the tick lock, by any thread. */
uint32_t kb_codes_find(kb_codes *codes, uintptr_t address, uintptr_t globals);

/* Under the tick lock, with the GIL. */
void kb_codes_hold_running(kb_codes *codes, PyInterpreterState *interpreter); /* takes references */
void kb_codes_verify(kb_codes *codes);                                        /* for versions that have no watcher */
void kb_codes_retire(kb_codes *codes, const PyCodeObject *code);              /* it is being destroyed */
PyObject *kb_codes_describe(const kb_codes *codes, const kb_code *entry); /* the object, or (name, file, line, table, size) */

#endif
