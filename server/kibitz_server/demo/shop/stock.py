"""What is on the shelves. One lock for all of them."""

import threading
import time

shelves = {}
shelves_lock = threading.Lock()


def reserve(item):
    """Holds the lock while the warehouse answers: everyone waits for everyone."""
    with shelves_lock:
        count = shelves.get(item, 0) + 1
        ask_warehouse(item)
        shelves[item] = count
    return {"item": item, "reserved": count}


def ask_warehouse(item):
    time.sleep(0.02)
    return item
