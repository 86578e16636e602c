"""A thread made for every task: the problem, and its repair."""

import threading
from concurrent.futures import ThreadPoolExecutor

POOL = ThreadPoolExecutor(1)
POOL.submit(sum, [1]).result()


def wasteful():
    thread = threading.Thread(target=sum, args=([1, 2],))
    thread.start()
    thread.join()


def repaired():
    POOL.submit(sum, [1, 2]).result()
