"""Needs __main__ to be the script: pickle, and multiprocessing in each way of starting."""

import multiprocessing
import pickle
import warnings

# Python's own word on forking with threads: the pool has some.
warnings.simplefilter("ignore", DeprecationWarning)


class Thing:
    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        return Thing, (self.number,)


def double(thing):
    return Thing(thing.number * 2)


if __name__ == "__main__":
    print(pickle.loads(pickle.dumps(Thing(3))).number)
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, [thing.number for thing in pool.map(double, [Thing(n) for n in range(4)])])
