"""Large objects sent between processes: the problem, and its repair."""

from multiprocessing.reduction import ForkingPickler

DATA = [{"id": i, "text": "x" * 20} for i in range(2000)]


def wasteful():
    ForkingPickler.dumps(DATA)


def repaired():
    ForkingPickler.register
    sum(len(str(row)) for row in DATA)
