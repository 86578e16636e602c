"""Collects garbage for a second, then computes for one without; prints the shares of samples that say so."""

import gc
import struct
import time

from kibitz_agent._native import _sampler

SAMPLE = struct.Struct("=IIIIQQII")
COLLECTING = 4
KEPT = [{"at": number} for number in range(200_000)]


def share(work):
    _sampler.drain()
    until = time.monotonic() + 1
    while time.monotonic() < until:
        work()
    rows = list(SAMPLE.iter_unpack(_sampler.drain()[1]))
    whole = sum(row[3] for row in rows)
    assert whole >= 20, whole
    return sum(row[3] for row in rows if row[2] & COLLECTING) / whole


_sampler.open()
_sampler.begin(1_000_000, 100)
collecting = share(gc.collect)
gc.disable()
computing = share(lambda: sum(range(10_000)))
_sampler.rest()
print(f"{collecting:.3f} {computing:.3f}")
