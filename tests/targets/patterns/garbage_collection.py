"""A report over rows that all stay in memory: the collector walks them again and again."""

import gc

CACHE = [{"row": number, "values": [number, number + 1]} for number in range(150_000)]


def rows():
    return [{"row": number, "tags": [number]} for number in range(60_000)]


def wasteful():
    gc.set_threshold(700, 10, 10)
    gc.unfreeze()
    rows()


def repaired():
    gc.set_threshold(2_000_000, 50, 1000)
    gc.freeze()
    rows()
