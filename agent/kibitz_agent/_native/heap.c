/* kibitz_agent._native._heap: counts live objects by type in one bounded visit, without running a line of Python. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define CHECK_EVERY 256
#define MAX_NESTING 4
#define LARGE 100
#define GC_HEADER_BYTES 16
/* What is never freed has a reference count like this, and every program has it. */
#define IMMORTAL ((Py_ssize_t)1 << 30)

typedef struct {
    PyTypeObject *type; /* NULL: a free place */
    PyObject *size_of;  /* a C method of the type or of a base; NULL: the size follows from the type's own numbers */
    double count, bytes;
} row;

typedef struct {
    row *rows;
    size_t capacity, used;
    uint64_t visits, random, started_ns, limit_ns;
    unsigned stride_bits; /* one object in 2**stride_bits is measured and looked into */
    bool complete, failed;
} census;

typedef struct {
    census *census;
    double share;  /* of the object that is looked into: its holders', one of whom led here */
    unsigned bits; /* it stands for 2**bits objects like it */
    int nesting;
} view;

static uint64_t now_ns(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The first `__sizeof__` of the type's line that is written in C, and not `object`'s: nobody's own code is ever called. */
static PyObject *native_size_of(PyTypeObject *type) {
    PyObject *line = type->tp_mro;
    for (Py_ssize_t i = 0; line && i < PyTuple_GET_SIZE(line); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(line, i);
        if (base == &PyBaseObject_Type || !PyType_Check(base)) break;
#if PY_VERSION_HEX >= 0x030c0000
        PyObject *names = PyType_GetDict(base);
        PyObject *found = names ? PyDict_GetItemString(names, "__sizeof__") : NULL;
        Py_XDECREF(names); /* the type holds it */
#else
        PyObject *found = base->tp_dict ? PyDict_GetItemString(base->tp_dict, "__sizeof__") : NULL;
#endif
        if (found && Py_IS_TYPE(found, &PyMethodDescr_Type)) return found;
    }
    return NULL;
}

static size_t place_of(const row *rows, size_t capacity, const PyTypeObject *type) {
    size_t at = ((uintptr_t)type >> 4) * (size_t)0x9E3779B97F4A7C15u >> 16 & (capacity - 1);
    while (rows[at].type && rows[at].type != type) at = (at + 1) & (capacity - 1);
    return at;
}

static bool grow(census *c) {
    size_t capacity = c->capacity ? 2 * c->capacity : 1024;
    row *rows = calloc(capacity, sizeof *rows);
    if (!rows) return false;
    for (size_t i = 0; i < c->capacity; i++)
        if (c->rows[i].type) rows[place_of(rows, capacity, c->rows[i].type)] = c->rows[i];
    free(c->rows);
    c->rows = rows;
    c->capacity = capacity;
    return true;
}

static row *row_of(census *c, PyTypeObject *type) {
    row *found = &c->rows[place_of(c->rows, c->capacity, type)];
    if (found->type) return found;
    if (2 * ++c->used > c->capacity) {
        if (!grow(c)) {
            c->used--;
            c->failed = true;
            return NULL;
        }
        found = &c->rows[place_of(c->rows, c->capacity, type)];
    }
    *found = (row){.type = type, .size_of = native_size_of(type)};
    return found;
}

/* Shallow: what the object itself occupies, its table or buffer included, nothing that it refers to. */
static double bytes_of(const row *r, PyObject *object) {
    double bytes = PyType_IS_GC(r->type) ? GC_HEADER_BYTES : 0;
    if (r->size_of) {
        PyObject *size = PyObject_CallOneArg(r->size_of, object);
        if (size) {
            bytes += PyLong_AsDouble(size);
            Py_DECREF(size);
        }
        if (PyErr_Occurred()) PyErr_Clear();
        return bytes;
    }
    bytes += (double)r->type->tp_basicsize;
    if (r->type->tp_itemsize > 0) {
        Py_ssize_t items = ((PyVarObject *)object)->ob_size;
        bytes += (double)r->type->tp_itemsize * (double)(items < 0 ? -items : items);
    }
    return bytes;
}

/* Time is checked now and then; the more of it is gone, the fewer objects are measured, so that the end is reached. */
static bool goes_on(census *c) {
    if (++c->visits % CHECK_EVERY) return true;
    uint64_t passed_ns = now_ns() - c->started_ns;
    if (passed_ns >= c->limit_ns) {
        c->complete = false;
        return false;
    }
    c->stride_bits = (unsigned)(8 * passed_ns / c->limit_ns);
    return !c->failed;
}

/* One in 2**bits. By chance: objects come in patterns, a record and its list, a record and its list. */
static bool is_chosen(census *c, unsigned bits) {
    if (!bits) return true;
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return !(c->random & (((uint64_t)1 << bits) - 1));
}

/* Few and heavy: each is measured, or chance would decide what the whole comes to. */
static bool is_large(PyObject *object) {
    if (PyList_Check(object)) return PyList_GET_SIZE(object) > LARGE;
    if (PyDict_Check(object)) return PyDict_Size(object) > LARGE;
    if (PyTuple_Check(object)) return PyTuple_GET_SIZE(object) > LARGE;
    return PyAnySet_Check(object) && PySet_Size(object) > LARGE;
}

static int visit_referent(PyObject *object, void *given) {
    view *v = given;
    census *c = v->census;
    if (!goes_on(c)) return 1;
    unsigned bits = c->stride_bits > v->bits ? c->stride_bits : v->bits;
    if (!is_chosen(c, bits - v->bits)) return 0;
    bool may_be_tracked = PyObject_IS_GC(object);
    if (may_be_tracked && PyObject_GC_IsTracked(object)) return 0; /* is met by itself */
    Py_ssize_t references = Py_REFCNT(object);
    if (references <= 0 || references >= IMMORTAL) return 0;
    row *r = row_of(c, Py_TYPE(object));
    if (!r) return 1;
    /* Each of its holders counts its part of it. */
    double share = v->share / (double)references, weight = share * (double)((uint64_t)1 << bits);
    r->count += weight;
    r->bytes += weight * bytes_of(r, object);
    traverseproc look_into = Py_TYPE(object)->tp_traverse;
    if (!may_be_tracked || !look_into || v->nesting >= MAX_NESTING) return 0;
    view inner = {.census = c, .share = share, .bits = bits, .nesting = v->nesting + 1};
    return look_into(object, visit_referent, &inner);
}

static int visit(PyObject *object, void *given) {
    census *c = given;
    if (!goes_on(c)) return 0;
    row *r = row_of(c, Py_TYPE(object));
    if (!r) return 0;
    r->count += 1;
    unsigned bits = c->stride_bits && !is_large(object) ? c->stride_bits : 0;
    if (!is_chosen(c, bits)) return 1;
    r->bytes += (double)((uint64_t)1 << bits) * bytes_of(r, object);
    traverseproc look_into = Py_TYPE(object)->tp_traverse;
    if (!look_into) return 1;
    view inner = {.census = c, .share = 1, .bits = bits};
    look_into(object, visit_referent, &inner);
    return c->complete && !c->failed;
}

static bool visit_all(census *c) {
#if PY_VERSION_HEX >= 0x030c0000
    PyUnstable_GC_VisitObjects(visit, c);
    return true;
#else
    PyObject *gc = PyImport_ImportModule("gc");
    PyObject *objects = gc ? PyObject_CallMethod(gc, "get_objects", NULL) : NULL;
    Py_XDECREF(gc);
    if (!objects) return false;
    if (PyList_CheckExact(objects))
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(objects) && visit(PyList_GET_ITEM(objects, i), c); i++);
    Py_DECREF(objects); /* nothing can have let go of any of them meanwhile */
    return true;
#endif
}

static PyObject *rows_as_list(const census *c) {
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < c->capacity; i++) {
        const row *r = &c->rows[i];
        if (!r->type) continue;
        PyObject *item = Py_BuildValue("Odd", r->type, r->count, r->bytes);
        if (!item || PyList_Append(list, item)) Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

PyDoc_STRVAR(count_doc,
             "count(limit_ns) -> (rows, complete)\n--\n\n"
             "Visit live objects for at most about `limit_ns`, in which no other thread runs Python. `rows`: (type, objects,\n"
             "bytes) as floats, estimates where time ran short. `complete`: whether the end was reached.");

static PyObject *heap_count(PyObject *self, PyObject *argument) {
    (void)self;
    unsigned long long limit_ns = PyLong_AsUnsignedLongLong(argument);
    if (PyErr_Occurred()) return NULL;
    census c = {.limit_ns = limit_ns ? limit_ns : 1, .started_ns = now_ns(), .random = 0x9E3779B97F4A7C15u, .complete = true};
    PyObject *rows = NULL;
    if (!grow(&c)) PyErr_NoMemory();
    else if (visit_all(&c)) rows = c.failed ? PyErr_NoMemory() : rows_as_list(&c);
    free(c.rows);
    return rows ? Py_BuildValue("NN", rows, PyBool_FromLong(c.complete)) : NULL;
}

static PyMethodDef methods[] = {{"count", heap_count, METH_O, count_doc}, {NULL, NULL, 0, NULL}};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_heap", "Live objects by type.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__heap(void) { return PyModuleDef_Init(&definition); }
