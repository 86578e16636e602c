/* kibitz_agent._native._term: tells of SIGTERM without the main thread, which may be blocked where no handler of Python's runs. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

static volatile sig_atomic_t told;
static volatile int event_fd = -1;
static volatile pid_t owner;

/* The first one is told of, and whoever listens ends the process. A second one, or one that nobody can be told of (a child that
 * was forked and not adopted), ends it at once, as if there had been no handler. */
static void on_term(int number) {
    int saved = errno;
    uint64_t one = 1;
    if (told || getpid() != owner || write(event_fd, &one, sizeof one) != sizeof one) {
        signal(number, SIG_DFL);
        raise(number);
    }
    told = 1;
    errno = saved;
}

static int is_ours(void) {
    struct sigaction now;
    return sigaction(SIGTERM, NULL, &now) == 0 && now.sa_handler == on_term;
}

PyDoc_STRVAR(arm_doc, "arm(fd) -> bool\n--\n\nFrom now on SIGTERM adds 1 to the event counter `fd`, in place of ending the process. False, and nothing\n"
                      "is changed, where the signal is handled or ignored already.");

static PyObject *term_arm(PyObject *self, PyObject *argument) {
    (void)self;
    int fd = PyObject_AsFileDescriptor(argument);
    if (fd < 0) return NULL;
    struct sigaction now, ours = {.sa_handler = on_term, .sa_flags = SA_RESTART | SA_ONSTACK};
    if (sigaction(SIGTERM, NULL, &now)) return PyErr_SetFromErrno(PyExc_OSError);
    if (now.sa_handler != SIG_DFL && now.sa_handler != on_term) Py_RETURN_FALSE;
    event_fd = fd;
    owner = getpid();
    told = 0;
    sigemptyset(&ours.sa_mask);
    if (sigaction(SIGTERM, &ours, NULL)) return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_TRUE;
}

PyDoc_STRVAR(disarm_doc, "disarm()\n--\n\nSIGTERM ends the process again, unless the host has given it a handler meanwhile.");

static PyObject *term_disarm(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    if (is_ours()) signal(SIGTERM, SIG_DFL);
    event_fd = -1;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"arm", term_arm, METH_O, arm_doc},
    {"disarm", term_disarm, METH_NOARGS, disarm_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_term", "Word of SIGTERM without the main thread.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__term(void) { return PyModuleDef_Init(&definition); }
