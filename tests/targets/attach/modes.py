"""A process to attach to: does one kind of work until a line comes on its standard input, then tells its longest pause.

    python modes.py busy|sleeping|c_heavy|blocked|asyncio|threads

Prints "ready" first. Ends with status 0 and a line of JSON: how often it beat, and the longest gap between two beats in
milliseconds, seen by the thread that works (in `blocked` by a second one).
"""

import json
import select
import sys
import time

BLOB = json.dumps([{"id": n, "name": f"item {n}", "tags": ["a", "b", "c"]} for n in range(20000)])


class Beats:
    def __init__(self):
        self.count, self.longest_s, self.last_s = 0, 0.0, time.perf_counter()

    def beat(self):
        now_s = time.perf_counter()
        self.longest_s = max(self.longest_s, now_s - self.last_s)
        self.last_s = now_s
        self.count += 1


asked_s = 0.0


def told_to_end():
    """Looks five times a second: a call that lets other threads run is where a sampler that needs the lock gets in."""
    global asked_s
    if time.perf_counter() < asked_s + 0.2:
        return False
    asked_s = time.perf_counter()
    return bool(select.select([sys.stdin], [], [], 0)[0])


def work(n):
    return sum(i * i for i in range(n))


def busy(beats):
    while not told_to_end():
        work(3000)
        beats.beat()


def sleeping(beats):
    while not told_to_end():
        time.sleep(0.001)
        beats.beat()


def c_heavy(beats):
    while not told_to_end():
        json.loads(BLOB)
        beats.beat()


def blocked(beats):
    import threading

    threading.Thread(target=sleeping_beside, args=(beats,), daemon=True).start()
    sys.stdin.readline()


def sleeping_beside(beats):
    while True:
        time.sleep(0.001)
        beats.beat()


def asyncio(beats):
    import asyncio

    async def serve():
        while not told_to_end():
            await asyncio.sleep(0.002)
            work(500)
            beats.beat()

    asyncio.run(serve())


def threads(beats):
    import threading

    ending = threading.Event()
    workers = [threading.Thread(target=work_until, args=(ending,), name=f"worker-{n}") for n in range(8)]
    for worker in workers:
        worker.start()
    while not told_to_end():
        time.sleep(0.001)
        beats.beat()
    ending.set()
    for worker in workers:
        worker.join()


def work_until(ending):
    while not ending.is_set():
        work(1000)
        time.sleep(0.001)


if __name__ == "__main__":
    beats = Beats()
    print("ready", flush=True)
    globals()[sys.argv[1]](beats)
    print(json.dumps({"beats": beats.count, "longest_ms": 1000 * beats.longest_s}), flush=True)
