"""The statistics module on large data: the problem, and its repair."""

import statistics

DATA = [float(i) * 1.1 for i in range(2000)]


def wasteful():
    statistics.mean(DATA)


def repaired():
    statistics.fmean(DATA)
