"""Arrays grown by append: the problem, and its repair."""

import numpy


def wasteful():
    data = numpy.arange(1000)
    for i in range(50):
        data = numpy.append(data, i)


def repaired():
    data = list(range(1000))
    for i in range(50):
        data.append(i)
