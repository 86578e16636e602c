#include "lists.h"

#include <stdlib.h>

PyObject *kb_list_of_codes(const kb_codes *codes) {
    PyObject *list = PyList_New(codes->count);
    for (uint32_t i = 0; list && i < codes->count; i++) {
        const kb_code *entry = &codes->entries[i];
        PyObject *pair = Py_BuildValue("NK", kb_codes_describe(codes, entry), (unsigned long long)entry->globals);
        if (!pair) Py_CLEAR(list);
        else PyList_SET_ITEM(list, i, pair);
    }
    return list;
}

PyObject *kb_list_of_threads(const kb_threads *threads) {
    PyObject *list = PyList_New(threads->count);
    for (uint32_t i = 0; list && i < threads->count; i++) {
        PyObject *pair = Py_BuildValue("kk", threads->threads[i].ident, threads->threads[i].native_id);
        if (!pair) Py_CLEAR(list);
        else PyList_SET_ITEM(list, i, pair);
    }
    return list;
}

PyObject *kb_list_of_leaves(kb_sampler *sampler) {
    pthread_mutex_lock(&sampler->tick_lock);
    const kb_trie *trie = &sampler->trie;
    PyObject **found = malloc((trie->sample_count + 1) * sizeof *found);
    size_t count = 0;
    for (uint32_t i = 0; found && i < trie->sample_count; i++) {
        PyObject *code = sampler->codes.entries[trie->nodes[trie->samples[i].node].code].code;
        if (code && (!count || found[count - 1] != code)) {
            Py_INCREF(code);
            found[count++] = code;
        }
    }
    pthread_mutex_unlock(&sampler->tick_lock);
    PyObject *list = found ? PyList_New((Py_ssize_t)count) : PyErr_NoMemory();
    for (size_t i = 0; i < count; i++) {
        if (list) PyList_SET_ITEM(list, (Py_ssize_t)i, found[i]);
        else Py_DECREF(found[i]);
    }
    free(found);
    return list;
}
