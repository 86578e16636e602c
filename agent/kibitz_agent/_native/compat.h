/* What differs between CPython 3.11, 3.12, 3.13 and 3.14, and nothing else. Built against the running version's own headers. */
#ifndef KIBITZ_COMPAT_H
#define KIBITZ_COMPAT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX < 0x030b0000 || PY_VERSION_HEX >= 0x030f0000
#error "kibitz: the native sampler knows CPython 3.11 to 3.14; the Python sampler serves the others"
#endif
#ifdef Py_GIL_DISABLED
#error "kibitz: the native sampler does not serve free-threaded builds; the Python sampler does"
#endif

#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1
#endif
#undef _PyGC_FINALIZED /* 3.12 declares it twice */
#include "internal/pycore_frame.h"
#if PY_VERSION_HEX >= 0x030e0000
#include "internal/pycore_interpframe.h"
#endif
#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"
#include "internal/pycore_runtime.h"

#include <stdbool.h>
#include <stdint.h>

typedef _PyInterpreterFrame kb_frame;
typedef _PyStackChunk kb_chunk;

/* The innermost frame hangs off the thread state (3.13+) or off a structure on the thread's C stack (3.11, 3.12). */
#if PY_VERSION_HEX >= 0x030d0000
#define KB_FRAME_ON_THREAD_STATE 1
#else
#define KB_FRAME_ON_THREAD_STATE 0
typedef _PyCFrame kb_cframe;
#endif

static inline uintptr_t kb_frame_code(const kb_frame *frame) {
#if PY_VERSION_HEX >= 0x030e0000
    return (uintptr_t)frame->f_executable.bits & ~(uintptr_t)3; /* a tagged reference */
#elif PY_VERSION_HEX >= 0x030d0000
    return (uintptr_t)frame->f_executable;
#else
    return (uintptr_t)frame->f_code;
#endif
}

static inline uintptr_t kb_frame_instruction(const kb_frame *frame) {
#if PY_VERSION_HEX >= 0x030d0000
    return (uintptr_t)frame->instr_ptr;
#else
    return (uintptr_t)frame->prev_instr;
#endif
}

/* The dictionary of the module (or of exec) that the function runs in: an identity, never followed. */
static inline uintptr_t kb_frame_globals(const kb_frame *frame) { return (uintptr_t)frame->f_globals; }

/* Frames that the interpreter puts between C and Python: they run no code object. 3.11 has none. */
static inline bool kb_frame_is_shim(const kb_frame *frame) {
#if PY_VERSION_HEX >= 0x030c0000
    return frame->owner >= 3; /* FRAME_OWNED_BY_CSTACK; 3.14: FRAME_OWNED_BY_INTERPRETER, FRAME_OWNED_BY_CSTACK */
#else
    (void)frame;
    return false;
#endif
}

static inline bool kb_frame_owner_is_sane(const kb_frame *frame) { return (unsigned char)frame->owner <= 4; }

static inline bool kb_frame_is_generator(const kb_frame *frame) { return frame->owner == FRAME_OWNED_BY_GENERATOR; }

/* The innermost frame of a thread that cannot move, because the caller holds the GIL. */
static inline const kb_frame *kb_current_frame(PyThreadState *ts) {
#if KB_FRAME_ON_THREAD_STATE
    return ts->current_frame;
#else
    return ts->cframe ? ts->cframe->current_frame : NULL;
#endif
}

/* Where the interpreter keeps the frame that a frame object stands for. */
static inline uintptr_t kb_frame_of(const PyFrameObject *frame) { return (uintptr_t)frame->f_frame; }

/* How much of a frame the walk needs: everything before its locals. */
#define KB_FRAME_SIZE offsetof(kb_frame, localsplus)

/* The lock over every interpreter's list of thread states. Only ever tried, never waited for. */
static inline bool kb_head_try_lock(void) {
#if PY_VERSION_HEX >= 0x030d0000
    uint8_t unlocked = 0;
    return __atomic_compare_exchange_n(&_PyRuntime.interpreters.mutex._bits, &unlocked, 1, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
#else
    return PyThread_acquire_lock_timed(_PyRuntime.interpreters.mutex, 0, 0) == PY_LOCK_ACQUIRED;
#endif
}

static inline void kb_head_unlock(void) {
#if PY_VERSION_HEX >= 0x030d0000
    PyMutex_Unlock(&_PyRuntime.interpreters.mutex);
#else
    PyThread_release_lock(_PyRuntime.interpreters.mutex);
#endif
}

static inline PyThreadState *kb_thread_head(PyInterpreterState *interpreter) {
    return interpreter->threads.head;
}

static inline PyThreadState *kb_gil_holder(PyInterpreterState *interpreter) {
#if PY_VERSION_HEX >= 0x030d0000
    struct _gil_runtime_state *gil = interpreter->ceval.gil;
    if (gil == NULL || !__atomic_load_n(&gil->locked, __ATOMIC_RELAXED)) return NULL;
    return __atomic_load_n(&gil->last_holder, __ATOMIC_RELAXED);
#elif PY_VERSION_HEX >= 0x030c0000
    struct _gil_runtime_state *gil = interpreter->ceval.gil;
    if (gil == NULL || !gil->locked._value) return NULL;
    return (PyThreadState *)gil->last_holder._value;
#else
    (void)interpreter;
    struct _gil_runtime_state *gil = &_PyRuntime.ceval.gil;
    if (!gil->locked._value) return NULL;
    return (PyThreadState *)gil->last_holder._value;
#endif
}

/* Whether the holder of the GIL is collecting garbage. */
static inline bool kb_collecting(const PyInterpreterState *interpreter) {
    return __atomic_load_n(&interpreter->gc.collecting, __ATOMIC_RELAXED) != 0;
}

static inline bool kb_finalizing(void) {
#if PY_VERSION_HEX >= 0x030d0000
    return Py_IsFinalizing();
#else
    return _Py_IsFinalizing();
#endif
}

#endif
