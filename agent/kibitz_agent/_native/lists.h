/* What was met, as lists for Python. With the GIL. */
#ifndef KIBITZ_LISTS_H
#define KIBITZ_LISTS_H

#include "sampler.h"

/* Under the tick lock. */
PyObject *kb_list_of_codes(const kb_codes *codes);       /* (code object or what stands for it, id of its globals) */
PyObject *kb_list_of_threads(const kb_threads *threads); /* (ident, native id) */

PyObject *kb_list_of_leaves(kb_sampler *sampler); /* code objects that samples ended in; takes the tick lock */

#endif
