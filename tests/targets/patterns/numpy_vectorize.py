"""numpy.vectorize and apply_along_axis: the problem, and its repair."""

import numpy

DATA = numpy.arange(3000)
DOUBLE = numpy.vectorize(lambda x: x * 2)


def wasteful():
    DOUBLE(DATA)


def repaired():
    DATA * 2
