/* kibitz_server._native._tree: what store/nodes.py does with whole call trees, node by node and in one pass. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

#define FIRST 0xBF58476D1CE4E5B9u
#define SECOND 0x94D049BB133111EBu
#define FRAME 0x9E3779B97F4A7C15u
#define PARENT 0xD6E8FEB86659FD93u

static inline uint64_t mixed(uint64_t key) {
    key = (key ^ (key >> 30)) * FIRST;
    key = (key ^ (key >> 27)) * SECOND;
    return key ^ (key >> 31);
}

/* The row whose parent does not stand before it, or -1. A node's map x -> scale * x + shift follows its parent's. */
static Py_ssize_t chain(Py_ssize_t rows, const int64_t *parent, const uint64_t *frame, const uint64_t *line, uint64_t secret,
                        uint64_t *scale, uint64_t *shift, uint64_t *keys) {
    for (Py_ssize_t row = 0; row < rows; row++) {
        uint64_t own = mixed(frame[row] * FRAME + line[row] + secret);
        uint64_t times = own | 1, plus = mixed(own + PARENT);
        int64_t above = parent[row];
        if (above >= row) return row;
        scale[row] = above < 0 ? times : times * scale[above];
        shift[row] = above < 0 ? plus : times * shift[above] + plus;
        keys[row] = mixed(shift[row] ^ (scale[row] * FRAME));
    }
    return -1;
}

/* Whether all were looked for: a table that is full, or names ids that it does not have, is none of ours. */
static int probe(Py_ssize_t rows, const uint64_t *wanted, int64_t held, const uint64_t *keys, uint64_t mask, const int64_t *slots,
                 int64_t *found) {
    for (Py_ssize_t row = 0; row < rows; row++) {
        uint64_t slot = wanted[row] & mask, steps = 0;
        int64_t id;
        while ((id = slots[slot]) >= 0) {
            if (id >= held || steps++ > mask) return 0;
            if (keys[id] == wanted[row]) break;
            slot = (slot + 1) & mask;
        }
        found[row] = id;
    }
    return 1;
}

static int same_rows(Py_ssize_t count, Py_buffer *const *views) {
    for (Py_ssize_t index = 0; index < count; index++)
        if (views[index]->len % 8 || views[index]->len != views[0]->len) {
            PyErr_SetString(PyExc_ValueError, "expected columns of 64 bits, of one length");
            return 0;
        }
    return 1;
}

PyDoc_STRVAR(path_keys_doc, "path_keys(parent, frame, line, secret, keys)\n--\n\nWrite each node's key into `keys`. Columns of 64 bits; "
                            "ValueError where a parent does not stand before its child.");

static PyObject *tree_path_keys(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_buffer parent, frame, line, keys;
    unsigned long long secret;
    if (!PyArg_ParseTuple(arguments, "y*y*y*Kw*", &parent, &frame, &line, &secret, &keys)) return NULL;
    PyObject *answer = NULL;
    uint64_t *room = NULL;
    if (!same_rows(4, (Py_buffer *[]){&parent, &frame, &line, &keys})) goto end;
    Py_ssize_t rows = parent.len / 8;
    room = PyMem_Malloc((size_t)rows * 2 * sizeof *room);
    if (!room) {
        PyErr_NoMemory();
        goto end;
    }
    Py_ssize_t wrong = chain(rows, parent.buf, frame.buf, line.buf, secret, room, room + rows, keys.buf);
    if (wrong >= 0)
        PyErr_Format(PyExc_ValueError, "node %zd: its parent does not stand before it", wrong);
    else
        answer = Py_NewRef(Py_None);
end:
    PyMem_Free(room);
    PyBuffer_Release(&parent), PyBuffer_Release(&frame), PyBuffer_Release(&line), PyBuffer_Release(&keys);
    return answer;
}

PyDoc_STRVAR(find_doc, "find(wanted, keys, slots, found)\n--\n\nWrite the id of each wanted key into `found`, -1 where `slots` leads to "
                       "none. Columns of 64 bits, as many slots as a power of two.");

static PyObject *tree_find(PyObject *self, PyObject *arguments) {
    (void)self;
    Py_buffer wanted, keys, slots, found;
    if (!PyArg_ParseTuple(arguments, "y*y*y*w*", &wanted, &keys, &slots, &found)) return NULL;
    PyObject *answer = NULL;
    Py_ssize_t size = slots.len / 8;
    if (!same_rows(2, (Py_buffer *[]){&wanted, &found})) goto end;
    if (size < 1 || size & (size - 1) || slots.len % 8 || keys.len % 8) {
        PyErr_SetString(PyExc_ValueError, "expected a power of two of slots, of 64 bits");
        goto end;
    }
    if (probe(wanted.len / 8, wanted.buf, keys.len / 8, keys.buf, (uint64_t)size - 1, slots.buf, found.buf))
        answer = Py_NewRef(Py_None);
    else
        PyErr_SetString(PyExc_ValueError, "a table that is full, or names ids that it does not have");
end:
    PyBuffer_Release(&wanted), PyBuffer_Release(&keys), PyBuffer_Release(&slots), PyBuffer_Release(&found);
    return answer;
}

static PyMethodDef methods[] = {
    {"path_keys", tree_path_keys, METH_VARARGS, path_keys_doc},
    {"find", tree_find, METH_VARARGS, find_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_tree", "Keys and ids of whole call trees.", 0, methods, module_slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__tree(void) { return PyModuleDef_Init(&definition); }
