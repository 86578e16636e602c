"""Asking again and again whether something is there: the problem, and its repair."""

import queue

QUEUE = queue.Queue()


def wasteful():
    for _ in range(100):
        try:
            QUEUE.get_nowait()
        except queue.Empty:
            pass


def repaired():
    QUEUE.put(1)
    QUEUE.get()
    sum(range(1000))
