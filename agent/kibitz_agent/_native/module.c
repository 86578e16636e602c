/* kibitz_agent._native._sampler: the Python face of the sampling thread. One sampler a process, main interpreter only. */
#include "clock.h"
#include "lists.h"
#include "memory.h"
#include "sampler.h"

#include <stdlib.h>
#include <string.h>

/* Of what drain() returns. Grows with every change, so that an extension that was built before is noticed. */
#define KB_LAYOUT 4

static kb_sampler *active; /* only touched with the GIL, or in the fork hooks */
static bool fork_hooks;
#if PY_VERSION_HEX >= 0x030c0000
static int watcher = -1;
#endif

/* --- fork: the child inherits memory, not the thread; no lock may be held at the instant of the fork --- */

static void before_fork(void) {
    if (active) pthread_mutex_lock(&active->tick_lock);
}

static void after_fork_in_parent(void) {
    if (active) pthread_mutex_unlock(&active->tick_lock);
}

static void after_fork_in_child(void) {
    if (!active) return;
    pthread_mutex_unlock(&active->tick_lock);
    kb_sampler_orphan(active);
}

/* --- code objects that are about to go --- */

#if PY_VERSION_HEX >= 0x030c0000
static int on_code_event(PyCodeEvent event, PyCodeObject *code) {
    if (event != PY_CODE_EVENT_DESTROY || !active) return 0;
    pthread_mutex_lock(&active->tick_lock);
    kb_codes_retire(&active->codes, code);
    pthread_mutex_unlock(&active->tick_lock);
    return 0;
}
#endif

static void hold(kb_sampler *sampler) {
    kb_codes_hold_running(&sampler->codes, sampler->interpreter);
#if PY_VERSION_HEX < 0x030c0000
    kb_codes_verify(&sampler->codes);
#endif
}

static void discard(void) {
    kb_sampler *old = active;
    if (!old) return;
    kb_sampler_stop(old);
    active = NULL; /* before anything is freed: freeing may destroy code objects, whose watcher looks here */
    kb_sampler_free(old);
    free(old);
}

static uint32_t power_of_two(unsigned long wanted) {
    uint32_t size = 64;
    while (size < wanted && size < (1u << 24)) size *= 2;
    return size;
}

static kb_sampler *opened(void) {
    if (!active) PyErr_SetString(PyExc_RuntimeError, "the native sampler is not open in this process");
    return active;
}

PyDoc_STRVAR(open_doc,
             "open(max_nodes=131072, max_threads=1024)\n--\n\n"
             "Make room for a call tree of so many nodes and so many threads, the bounds of its memory. One at a time:\n"
             "RuntimeError if another is open. OSError if memory of this process cannot be read here.");

static PyObject *native_open(PyObject *self, PyObject *args, PyObject *kwargs) {
    (void)self;
    static char *names[] = {"max_nodes", "max_threads", NULL};
    unsigned long max_nodes = 1 << 17, max_threads = 1024;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|kk", names, &max_nodes, &max_threads)) return NULL;
    if (active) {
        PyErr_SetString(PyExc_RuntimeError, "the native sampler serves another profiler of this process already");
        return NULL;
    }
    if (!kb_read_probe()) {
        PyErr_SetString(PyExc_OSError, "process_vm_readv is refused here (seccomp?)");
        return NULL;
    }
    kb_settings settings = {.interval_ns = 1000000000,
                            .max_depth = 1000,
                            .max_nodes = power_of_two(max_nodes),
                            .max_samples = power_of_two(max_nodes / 2),
                            .max_threads = power_of_two(max_threads),
                            .max_codes = power_of_two(max_nodes / 4)};
    kb_sampler *sampler = calloc(1, sizeof *sampler);
    if (!sampler || !kb_sampler_init(sampler, &settings, PyInterpreterState_Get())) {
        if (sampler) kb_sampler_free(sampler);
        free(sampler);
        return PyErr_NoMemory();
    }
    if (!fork_hooks) {
        pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
        fork_hooks = true;
    }
#if PY_VERSION_HEX >= 0x030c0000
    if (watcher < 0 && (watcher = PyCode_AddWatcher(on_code_event)) < 0) {
        kb_sampler_free(sampler);
        free(sampler);
        return NULL;
    }
#endif
    active = sampler;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(close_doc, "close()\n--\n\nEnd the thread and forget what was seen. Harmless when nothing is open.");

static PyObject *native_close(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    discard();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(begin_doc,
             "begin(interval_ns, max_depth)\n--\n\n"
             "Look at all threads every `interval_ns` (100000 to 3600 s) on a thread of its own, keeping the outermost\n"
             "`max_depth` frames (1 to 65536). OSError if no thread can be had.");

static PyObject *native_begin(PyObject *self, PyObject *args) {
    (void)self;
    unsigned long long interval_ns;
    int max_depth;
    kb_sampler *sampler = opened();
    if (!sampler || !PyArg_ParseTuple(args, "Ki", &interval_ns, &max_depth)) return NULL;
    if (interval_ns < 100000 || interval_ns > 3600000000000u || max_depth < 1 || max_depth > 65536) {
        PyErr_SetString(PyExc_ValueError, "expected an interval of 100000 to 3600000000000 ns and a depth of 1 to 65536");
        return NULL;
    }
    kb_sampler_stop(sampler);
    if (!kb_sampler_pace(sampler, interval_ns, max_depth)) return PyErr_NoMemory();
    int error = kb_sampler_start(sampler);
    if (error) {
        errno = error;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(rest_doc, "rest()\n--\n\nEnd the thread; what it has seen can still be drained. Harmless when none runs.");

static PyObject *native_rest(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    if (active) kb_sampler_stop(active); /* it never takes the GIL, so this may wait with it: for the end of one tick */
    Py_RETURN_NONE;
}

PyDoc_STRVAR(running_doc, "running() -> bool\n--\n\nWhether the sampling thread is alive in this process.");

static PyObject *native_running(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    return PyBool_FromLong(active && active->started);
}

PyDoc_STRVAR(skip_doc, "skip(native_id)\n--\n\nLeave a thread of the agent's own out from now on; at most eight.");

static PyObject *native_skip(PyObject *self, PyObject *argument) {
    (void)self;
    unsigned long native_id = PyLong_AsUnsignedLong(argument);
    kb_sampler *sampler = opened();
    if (!sampler || PyErr_Occurred()) return NULL;
    pthread_mutex_lock(&sampler->tick_lock);
    unsigned long *skipped = sampler->threads.skipped;
    for (int i = 0; i < KB_SKIPPED && skipped[i] != native_id; i++)
        if (!skipped[i]) {
            skipped[i] = native_id;
            break;
        }
    pthread_mutex_unlock(&sampler->tick_lock);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(adopt_doc, "adopt()\n--\n\nTake references to the functions that are running now and were seen, and forget those that "
                        "are gone. About once a second.");

static PyObject *native_adopt(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    if (active) {
        pthread_mutex_lock(&active->tick_lock);
        hold(active);
        pthread_mutex_unlock(&active->tick_lock);
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(mark_doc, "mark(frame, tags)\n--\n\nHave samples of stacks with this frame carry `tags`; 0 takes them away.");

static PyObject *native_mark(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *frame;
    unsigned int tags;
    kb_sampler *sampler = opened();
    if (!sampler || !PyArg_ParseTuple(args, "O!I", &PyFrame_Type, &frame, &tags)) return NULL;
    pthread_mutex_lock(&sampler->tick_lock);
    kb_marks_set(&sampler->marks, kb_frame_of((PyFrameObject *)frame), tags);
    pthread_mutex_unlock(&sampler->tick_lock);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(threads_doc, "threads() -> list\n--\n\n(ident, native id) of every thread seen, in the samples' order.");

static PyObject *native_threads(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    kb_sampler *sampler = opened();
    if (!sampler) return NULL;
    pthread_mutex_lock(&sampler->tick_lock);
    PyObject *list = kb_list_of_threads(&sampler->threads);
    pthread_mutex_unlock(&sampler->tick_lock);
    return list;
}

/* Samples go; the tree stays while there is room, so that the next period's stacks are found and not made. Returns the
 * registry that was replaced: it is freed after the lock is, for destroying a code object calls our watcher. */
static kb_codes reset(kb_sampler *sampler) {
    kb_codes replaced = {0}, fresh;
    kb_trie_clear_samples(&sampler->trie);
    sampler->trie.dropped = 0;
    bool crowded = sampler->trie.node_count > sampler->trie.node_capacity / 2 ||
                   sampler->codes.count > sampler->codes.capacity / 2;
    if (crowded && kb_codes_init(&fresh, sampler->settings.max_codes)) {
        fresh.epoch = sampler->codes.epoch + 1;
        replaced = sampler->codes;
        sampler->codes = fresh;
        kb_trie_clear(&sampler->trie);
    }
    /* Samples name threads by position: only now may the gone ones make room. */
    kb_threads_forget_stale(&sampler->threads, sampler->tick);
    return replaced;
}

PyDoc_STRVAR(leaves_doc, "leaves() -> list\n--\n\nThe functions that samples since the last drain ended in, as far as references are held.");

static PyObject *native_leaves(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    kb_sampler *sampler = opened();
    return sampler ? kb_list_of_leaves(sampler) : NULL;
}

PyDoc_STRVAR(drain_doc,
             "drain() -> (nodes, samples, codes, threads)\n--\n\n"
             "What was seen since the last drain, and forget it. `nodes`: bytes, rows of (parent u32, code u32, offset i32),\n"
             "parent 2**32-1 for a root. `samples`: bytes, rows of (node u32, thread u32, state u32, count u32, wall ns u64,\n"
             "cpu ns u64, tags u32, 0 u32); state: 1 if running, plus 2 if it held the GIL, plus 4 if it was collecting\n"
             "garbage, plus eight times the whole depth of a stack that was cut. `codes`: pairs of a code\n"
             "object, or (name, file, first line, line table, size in bytes) of one that may be gone; and the id of the\n"
             "globals it ran with. `threads`: (ident, native id).");

static PyObject *native_drain(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    kb_sampler *sampler = opened();
    if (!sampler) return NULL;
    kb_codes replaced = {0};
    pthread_mutex_lock(&sampler->tick_lock);
    hold(sampler);
    kb_sampler_settle_cpu(sampler);
    PyObject *result = Py_BuildValue(
        "y#y#NN", (char *)sampler->trie.nodes, (Py_ssize_t)(sampler->trie.node_count * sizeof(kb_node)),
        (char *)sampler->trie.samples, (Py_ssize_t)(sampler->trie.sample_count * sizeof(kb_sample)),
        kb_list_of_codes(&sampler->codes), kb_list_of_threads(&sampler->threads));
    if (result) replaced = reset(sampler);
    pthread_mutex_unlock(&sampler->tick_lock);
    kb_codes_free(&replaced);
    return result;
}

PyDoc_STRVAR(stats_doc, "stats() -> dict\n--\n\nCounters since open(): ticks, missed ticks, quality of the reads, CPU time (ns), "
                        "memory now (bytes), room left (share of 1).");

static PyObject *native_stats(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    kb_sampler *s = opened();
    if (!s) return NULL;
    unsigned long long memory = KB_ARENA_BYTES + s->codes.texts_used + s->codes.count * (sizeof(kb_code) + 8) +
                                s->trie.node_count * (sizeof(kb_node) + 8) + s->trie.sample_count * (sizeof(kb_sample) + 8) +
                                s->threads.count * sizeof(kb_thread) + 2ull * s->settings.max_depth * sizeof(kb_link);
    double nodes = (double)s->trie.node_count / s->trie.node_capacity;
    double samples = (double)s->trie.sample_count / s->trie.sample_capacity;
    double codes = (double)s->codes.count / s->codes.capacity;
    double fullest = nodes > samples ? nodes : samples;
    if (codes > fullest) fullest = codes;
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {
        {"ticks", s->counters.ticks},
        {"missed_ticks", s->counters.missed_ticks},
        {"lock_misses", s->counters.lock_misses},
        {"thread_samples", s->counters.thread_samples},
        {"reused", s->counters.reused},
        {"dropped", s->counters.dropped},
        {"work_ns", s->counters.work_ns},
        {"cpu_ns", s->cpu_ns},
        {"reads", s->quality.reads},
        {"failed_reads", s->quality.failed_reads},
        {"retries", s->quality.retries},
        {"trimmed", s->quality.trimmed},
        {"torn", s->quality.torn},
        {"endless", s->quality.endless},
        {"refused_codes", s->codes.refused},
        {"memory_bytes", memory},
    };
    PyObject *stats = Py_BuildValue("{sd}", "room", 1.0 - fullest);
    for (size_t i = 0; stats && i < sizeof counts / sizeof *counts; i++) {
        PyObject *value = PyLong_FromUnsignedLongLong(counts[i].value);
        if (!value || PyDict_SetItemString(stats, counts[i].name, value)) Py_CLEAR(stats);
        Py_XDECREF(value);
    }
    return stats;
}

PyDoc_STRVAR(look_doc, "look()\n--\n\nLook once at all threads, the calling one included, from the calling thread. Only at rest.");

static PyObject *native_look(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    kb_sampler *sampler = opened();
    if (!sampler) return NULL;
    if (sampler->started) {
        PyErr_SetString(PyExc_RuntimeError, "the sampler's own thread is looking: rest() first");
        return NULL;
    }
    pthread_mutex_lock(&sampler->tick_lock);
    sampler->last_tick_ns = sampler->settings.interval_ns;
    kb_sampler_tick(sampler);
    pthread_mutex_unlock(&sampler->tick_lock);
    Py_RETURN_NONE;
}

static int module_exec(PyObject *module) {
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "the native sampler serves the main interpreter only");
        return -1;
    }
    if (PyModule_AddIntConstant(module, "LAYOUT", KB_LAYOUT)) return -1;
    PyObject *atexit = PyImport_ImportModule("atexit"), *stop = PyObject_GetAttrString(module, "rest"), *done = NULL;
    if (atexit && stop) done = PyObject_CallMethod(atexit, "register", "O", stop);
    Py_XDECREF(atexit);
    Py_XDECREF(stop);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

static PyMethodDef methods[] = {
    {"open", (PyCFunction)(void (*)(void))native_open, METH_VARARGS | METH_KEYWORDS, open_doc},
    {"close", native_close, METH_NOARGS, close_doc},
    {"begin", native_begin, METH_VARARGS, begin_doc},
    {"rest", native_rest, METH_NOARGS, rest_doc},
    {"running", native_running, METH_NOARGS, running_doc},
    {"skip", native_skip, METH_O, skip_doc},
    {"mark", native_mark, METH_VARARGS, mark_doc},
    {"threads", native_threads, METH_NOARGS, threads_doc},
    {"adopt", native_adopt, METH_NOARGS, adopt_doc},
    {"drain", native_drain, METH_NOARGS, drain_doc},
    {"leaves", native_leaves, METH_NOARGS, leaves_doc},
    {"stats", native_stats, METH_NOARGS, stats_doc},
    {"look", native_look, METH_NOARGS, look_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_sampler", "The native sampler: reads stacks without the GIL.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__sampler(void) { return PyModuleDef_Init(&definition); }
