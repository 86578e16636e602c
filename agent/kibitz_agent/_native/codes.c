#include "codes.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define TEXTS_BYTES (1u << 21)
#define LONGEST_NAME 512
#define LONGEST_TABLE (1u << 15)
#define VERIFIED_AT_ONCE 256

static uint32_t slot_of(const kb_codes *codes, uintptr_t address) {
    return (uint32_t)(((uint64_t)address >> 4) * 0x9E3779B97F4A7C15u >> 32) & codes->mask;
}

bool kb_codes_init(kb_codes *codes, uint32_t capacity) {
    memset(codes, 0, sizeof *codes);
    codes->capacity = capacity;
    codes->mask = capacity * 2 - 1;
    codes->entries = calloc(capacity, sizeof *codes->entries);
    codes->slots = calloc((size_t)codes->mask + 1, sizeof *codes->slots);
    codes->texts_size = TEXTS_BYTES;
    codes->texts = malloc(codes->texts_size);
    return codes->entries && codes->slots && codes->texts;
}

void kb_codes_free(kb_codes *codes) {
    for (uint32_t i = 0; i < codes->count; i++) Py_CLEAR(codes->entries[i].code);
    free(codes->entries);
    free(codes->slots);
    free(codes->texts);
    memset(codes, 0, sizeof *codes);
}

/* Reads the object's memory, which may be anything: it is fetched by system call and judged. */
static bool fingerprint(kb_code *entry, uintptr_t address, uintptr_t *lines) {
    union {
        PyCodeObject code;
        char bytes[offsetof(PyCodeObject, co_code_adaptive)];
    } copy;
    if (address & (sizeof(void *) - 1) || !kb_read(copy.bytes, address, sizeof copy.bytes)) return false;
    if (Py_TYPE((PyObject *)&copy.code) != &PyCode_Type || Py_SIZE(&copy.code) <= 0) return false;
    entry->address = address;
    entry->first_instruction = address + offsetof(PyCodeObject, co_code_adaptive);
    entry->code_bytes = (uint32_t)Py_SIZE(&copy.code) * (uint32_t)sizeof(_Py_CODEUNIT);
    entry->name = (uintptr_t)copy.code.co_qualname;
    entry->file = (uintptr_t)copy.code.co_filename;
    entry->first_line = copy.code.co_firstlineno;
    *lines = (uintptr_t)copy.code.co_linetable;
    return true;
}

static bool same(const kb_code *entry, const kb_code *now) {
    return entry->name == now->name && entry->file == now->file && entry->first_line == now->first_line &&
           entry->code_bytes == now->code_bytes;
}

static kb_text copy_text(kb_codes *codes, uintptr_t source, size_t bytes, uint32_t kind) {
    kb_text text = {codes->texts_used, 0, kind};
    if (bytes > codes->texts_size - codes->texts_used || !kb_read(codes->texts + text.at, source, bytes)) return text;
    text.bytes = (uint32_t)bytes;
    codes->texts_used += ((uint32_t)bytes + 7u) & ~7u;
    return text;
}

/* The characters of a str whose data follow its header, as those of names do. */
static kb_text copy_string(kb_codes *codes, uintptr_t address) {
    PyCompactUnicodeObject copy;
    if (!kb_read(&copy, address, sizeof copy) || Py_TYPE((PyObject *)&copy) != &PyUnicode_Type) return (kb_text){0, 0, 1};
    const PyASCIIObject *head = &copy._base;
    size_t length = (size_t)head->length, header = head->state.ascii ? sizeof(PyASCIIObject) : sizeof(PyCompactUnicodeObject);
    uint32_t kind = head->state.kind;
    if (!head->state.compact || (kind != 1 && kind != 2 && kind != 4) || head->length < 0 || length > LONGEST_NAME)
        return (kb_text){0, 0, 1};
    return copy_text(codes, address + header, length * kind, kind);
}

static kb_text copy_table(kb_codes *codes, uintptr_t address) {
    PyVarObject copy;
    if (!kb_read(&copy, address, sizeof copy) || Py_TYPE((PyObject *)&copy) != &PyBytes_Type || Py_SIZE(&copy) < 0 ||
        (size_t)Py_SIZE(&copy) > LONGEST_TABLE)
        return (kb_text){0, 0, 1};
    return copy_text(codes, address + offsetof(PyBytesObject, ob_sval), (size_t)Py_SIZE(&copy), 1);
}

static kb_code *live_entry(const kb_codes *codes, uintptr_t address) {
    for (uint32_t slot = slot_of(codes, address); codes->slots[slot]; slot = (slot + 1) & codes->mask) {
        kb_code *entry = &codes->entries[codes->slots[slot] - 1];
        if (entry->address == address && entry->live) return entry;
    }
    return NULL;
}

uint32_t kb_codes_find(kb_codes *codes, uintptr_t address, uintptr_t globals) {
    kb_code *known = live_entry(codes, address);
    if (known) return (uint32_t)(known - codes->entries);
    kb_code *entry = &codes->entries[codes->count];
    uintptr_t lines;
    if (codes->count == codes->capacity || !fingerprint(entry, address, &lines)) {
        codes->refused++;
        return KB_NO_CODE;
    }
    entry->globals = globals;
    entry->code = NULL;
    entry->live = true;
    entry->name_text = copy_string(codes, entry->name);
    entry->file_text = copy_string(codes, entry->file);
    entry->lines = copy_table(codes, lines);
    uint32_t slot = slot_of(codes, address);
    while (codes->slots[slot]) slot = (slot + 1) & codes->mask;
    codes->slots[slot] = ++codes->count;
    codes->unheld++;
    return codes->count - 1;
}

static void give_up(kb_codes *codes, kb_code *entry) {
    entry->live = false;
    codes->unheld--;
    codes->epoch++;
}

static void hold(kb_codes *codes, PyCodeObject *code) {
    kb_code *entry = live_entry(codes, (uintptr_t)code), now;
    uintptr_t lines;
    if (!entry || entry->code) return;
    if (fingerprint(&now, entry->address, &lines) && same(entry, &now)) {
        entry->code = Py_NewRef((PyObject *)code);
        codes->unheld--;
    } else {
        give_up(codes, entry);
    }
}

void kb_codes_hold_running(kb_codes *codes, PyInterpreterState *interpreter) {
    /* With the GIL here, no other thread of this interpreter changes its frames. */
    for (PyThreadState *ts = PyInterpreterState_ThreadHead(interpreter); ts && codes->unheld; ts = PyThreadState_Next(ts))
        for (const kb_frame *frame = kb_current_frame(ts); frame && codes->unheld; frame = frame->previous)
            if (!kb_frame_is_shim(frame)) hold(codes, (PyCodeObject *)kb_frame_code(frame));
}

void kb_codes_verify(kb_codes *codes) {
    for (int left = VERIFIED_AT_ONCE; left && codes->unheld; left--, codes->checked++) {
        if (codes->checked >= codes->count) {
            codes->checked = 0;
            if (!codes->count) return;
        }
        kb_code *entry = &codes->entries[codes->checked], now;
        uintptr_t lines;
        if (entry->live && !entry->code && !(fingerprint(&now, entry->address, &lines) && same(entry, &now)))
            give_up(codes, entry);
    }
}

void kb_codes_retire(kb_codes *codes, const PyCodeObject *code) {
    kb_code *entry = live_entry(codes, (uintptr_t)code);
    if (entry && !entry->code) give_up(codes, entry);
}

static PyObject *text(const kb_codes *codes, const kb_text *found) {
    PyObject *made =
        PyUnicode_FromKindAndData((int)found->kind, codes->texts + found->at, (Py_ssize_t)(found->bytes / found->kind));
    if (made) return made;
    PyErr_Clear(); /* no text after all: it was being freed when it was copied */
    return PyUnicode_FromString("");
}

PyObject *kb_codes_describe(const kb_codes *codes, const kb_code *entry) {
    if (entry->code) return Py_NewRef(entry->code);
    return Py_BuildValue("NNiy#I", text(codes, &entry->name_text), text(codes, &entry->file_text), entry->first_line,
                         codes->texts + entry->lines.at, (Py_ssize_t)entry->lines.bytes, (unsigned int)entry->code_bytes);
}
