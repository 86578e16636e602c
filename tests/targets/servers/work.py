"""What every server's request does: a little work under a name that tests look for."""

import os
import time


def busy_request(seconds=0.05):
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        sum(range(500))
    return str(os.getpid())
