"""Everything at once that could trouble a sampler which reads stacks without the GIL; checks each stack it gives.

    python churn.py SECONDS

Threads come and go, processes are forked, code is made and destroyed, generators, coroutines, recursion to the limit,
collections. Two chains of functions that never call each other alternate: a stack that mixes them was torn. Prints one
line: stacks, how many were mixed, and the sampler's counters. Ends with status 1 if any was mixed.
"""

import asyncio
import faulthandler
import gc
import os
import random
import struct
import sys
import threading
import time
import warnings

from kibitz_agent._native import _sampler

faulthandler.enable()
warnings.simplefilter("ignore")
END = time.time() + float(sys.argv[1])
CHAINS = {}
for side in ("left", "right"):
    for n in range(12):
        below = f"{side}{n + 1}(x)" if n < 11 else "sum(range(x))"
        exec(f"def {side}{n}(x):\n    return {below}\n", globals())
        CHAINS[f"{side}{n}"] = f"{side}{n - 1}" if n else None


def alternate():
    while time.time() < END:
        left0(3)
        right0(5)


def recurse(n):
    return recurse(n - 1) if n else 0


def generate(n):
    if n:
        yield from generate(n - 1)
    yield n


async def wait(n):
    if n:
        await wait(n - 1)
    await asyncio.sleep(0)


def make_code():
    while time.time() < END:
        space = {}
        exec(
            f"def f{random.randrange(10**6)}(n):\n  return sum(range(50))\n"
            "def g(n):\n  return g(n - 1) if n else sum(range(100))\n",
            space,
        )
        space["g"](20)
        space.clear()


def make_threads():
    while time.time() < END:
        threads = [threading.Thread(target=recurse, args=(random.randint(1, 150),)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def make_generators():
    while time.time() < END:
        list(generate(30))


def make_coroutines():
    while time.time() < END:
        asyncio.run(wait(20))


def overflow():
    while time.time() < END:
        try:
            recurse(random.choice([100, 900, 5000]))
        except RecursionError:
            pass


def collect():
    while time.time() < END:
        gc.collect()
        time.sleep(0.01)


def fork():
    while time.time() < END:
        child = os.fork()
        if child == 0:
            recurse(50)
            os._exit(_sampler.running())
        assert os.waitpid(child, 0)[1] == 0
        time.sleep(0.05)


def mixed(nodes, codes, node):
    """Whether a function of a chain hangs below anything but its one caller."""
    while node != 0xFFFFFFFF:
        parent, code, _ = nodes[node]
        caller = CHAINS.get(name(codes, code), "")
        if caller and (parent == 0xFFFFFFFF or name(codes, nodes[parent][1]) != caller):
            return True
        node = parent
    return False


def name(codes, code):
    known = codes[code][0]
    return "" if known is None else known[0] if isinstance(known, tuple) else known.co_qualname


def main():
    threading.stack_size(1 << 20)
    works = [
        make_code,
        make_threads,
        make_generators,
        make_coroutines,
        overflow,
        collect,
        fork,
        alternate,
        alternate,
    ]
    _sampler.open(max_nodes=1 << 16)
    _sampler.begin(100_000, 200)
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    stacks = torn = 0
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.05)
        _sampler.adopt()
        nodes, samples, codes, _ = _sampler.drain()
        nodes = list(struct.iter_unpack("=IIi", nodes))
        for node, _, _, count, *_ in struct.iter_unpack("=IIIIQQII", samples):
            stacks += count
            torn += count if mixed(nodes, codes, node) else 0
    counters = _sampler.stats()
    _sampler.close()
    print(f"{stacks} stacks, {torn} mixed, {counters}")
    sys.exit(torn > 0)


main()
