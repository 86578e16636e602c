"""A host for samplers: does known work under one of them and tells what it cost and what it saw.

    python sampled.py PEER WORKLOAD INTERVAL_US SECONDS [FOLDER]

Workloads: ``busy`` (one thread, pure Python, 30 frames deep), ``threads`` (the same beside 50 threads that wait, as deep),
``mixed`` (1.6 ms of Python in three functions, then a sleep of 0.05 ms, for ever). Prints a line of JSON: wall and CPU time
of each function by its own clocks, the samples each got (where the peer tells), the process's CPU time beyond its own
threads' and the wall time that passed. For a peer outside, prints "ready" first and runs for SECONDS.
"""

import json
import os
import sys
import threading
import time

FUNCTIONS = ("add", "multiply", "divide", "nap", "spin")


def add():
    total = 0
    for i in range(16000):
        total += i


def multiply():
    total = 1
    for i in range(9600):
        total = i * 3


def divide():
    total = 1
    for i in range(6400):
        total = i / 3


def nap():
    time.sleep(0.00005)


def spin():
    total = 0
    for i in range(20000):
        total += i


def deep(n, call, *arguments):
    return deep(n - 1, call, *arguments) if n else call(*arguments)


def work(functions, seconds, truth):
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for function in functions:
            wall, cpu = time.perf_counter(), time.thread_time()
            function()
            held = truth[function.__name__]
            held[0] += time.perf_counter() - wall
            held[1] += time.thread_time() - cpu


class Kibitz:
    """Ours: the native sampler or the Python one, as a session drives it."""

    def __init__(self, name, interval_s):
        from kibitz_agent.aggregator import Aggregator
        from kibitz_agent.native import NativeSampler
        from kibitz_agent.sampler import PythonSampler

        self.sampler = (
            NativeSampler() if name == "kibitz-native" else PythonSampler(fair=name == "kibitz-python-fair")
        )
        self.aggregator = Aggregator(self.sampler)
        self.interval_ns = int(interval_s * 1e9)
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        from kibitz_agent.own_threads import OWN

        OWN.enter("sampler")
        last = time.monotonic_ns()
        due = last / 1e9
        while True:
            due = max(due + self.sampler.pace(self.interval_ns, 1000) / 1e9, time.monotonic())
            if self.ending.wait(max(0, due - time.monotonic())):
                break
            now = time.monotonic_ns()
            self.aggregator.tick(now - last, 1000)
            last = now
        self.sampler.rest()

    def stop(self):
        self.ending.set()
        self.thread.join()

    def seen(self):
        from kibitz_agent.profile import Header

        counts, cpu = {}, {}
        tally = self.sampler.tally()
        for frames, labels, values in self.aggregator.cut().profile(Header()).stacks():
            counts_as(frames, counts, values[0])
            counts_as(frames, cpu, values[2])
        return {
            "samples": counts,
            "cpu_ns": cpu,
            "looks": tally.looks,
            "dropped": tally.dropped,
            "retries": tally.retries,
        }


def counts_as(frames, counts, value):
    for frame in reversed(frames):
        name = frame.name.rpartition(":")[2]
        if name in FUNCTIONS:
            counts[name] = counts.get(name, 0) + value
            return


class CurrentFrames:
    """The plainest sampler: a thread, ``sys._current_frames`` and a dictionary of stacks."""

    def __init__(self, name, interval_s):
        self.counts, self.looks, self.interval_s = {}, 0, interval_s
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        own = threading.get_ident()
        while not self.ending.wait(self.interval_s):
            self.looks += 1
            for ident, frame in sys._current_frames().items():
                if ident == own:
                    continue
                stack = []
                while frame is not None:
                    stack.append((frame.f_code, frame.f_lineno))
                    frame = frame.f_back
                key = tuple(stack)
                self.counts[key] = self.counts.get(key, 0) + 1

    def stop(self):
        self.ending.set()
        self.thread.join()

    def seen(self):
        found = {}
        for stack, count in self.counts.items():
            for code, _ in stack:
                if code.co_name in FUNCTIONS:
                    found[code.co_name] = found.get(code.co_name, 0) + count
                    break
        return {"samples": found, "looks": self.looks}


class Timer:
    """A thread that wakes and reads nothing."""

    def __init__(self, name, interval_s):
        self.looks, self.interval_s = 0, interval_s
        self.lock = threading.Lock()
        self.lock.acquire()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while not self.lock.acquire(timeout=self.interval_s):
            self.looks += 1

    def stop(self):
        self.lock.release()
        self.thread.join()

    def seen(self):
        return {"samples": {}, "looks": self.looks}


class Aws:
    """The official agent's own profiler, at its interval, reporting to a file."""

    def __init__(self, name, interval_s):
        import datetime

        from codeguru_profiler_agent import Profiler

        every, never = datetime.timedelta(seconds=interval_s), datetime.timedelta(minutes=30)
        at_once = datetime.timedelta(milliseconds=1)
        self.folder = sys.argv[5]
        self.agent = Profiler(
            profiling_group_name="bench",
            region_name="us-east-1",
            environment_override={
                "reporting_mode": "file", "file_prefix": os.path.join(self.folder, "aws"), "cpu_limit_percentage": 100,
                "sampling_interval": every, "initial_sampling_interval": every,
                "minimum_time_reporting": at_once, "reporting_interval": never,
            },
        )  # fmt: skip
        self.agent.start()

    def stop(self):
        self.agent.stop()

    def seen(self):
        import glob

        found = {}
        for path in glob.glob(os.path.join(self.folder, "aws*")):
            with open(path, encoding="utf-8") as file:
                self.walk(json.load(file)["callgraph"], found)
        return {"samples": found}

    def walk(self, node, found, name=""):
        for child, below in node.get("children", {}).items():
            leaf = child.rpartition(":")[2].rpartition(".")[2]
            inside = leaf if leaf in FUNCTIONS else name
            if inside:
                found[inside] = found.get(inside, 0) + sum(below.get("counts", {}).values())
            self.walk(below, found, inside)


class Pyinstrument:
    """pyinstrument, which watches the thread that starts it."""

    def __init__(self, name, interval_s):
        import pyinstrument

        self.profiler = pyinstrument.Profiler(interval=interval_s)
        self.profiler.start()

    def stop(self):
        self.session = self.profiler.stop()

    def seen(self):
        found, looks = {}, 0
        for frames, seconds in self.session.frame_records:
            looks += 1
            for frame in reversed(frames):
                name = frame.partition("\x00")[0]
                if name in FUNCTIONS:
                    found[name] = found.get(name, 0) + seconds
                    break
        return {"samples": found, "looks": looks}


class Ddtrace:
    """ddtrace's profiler with its stack sampler alone; what it saw stays with it."""

    def __init__(self, name, interval_s):
        os.environ.update(
            DD_PROFILING_MEMORY_ENABLED="0", DD_PROFILING_LOCK_ENABLED="0", DD_PROFILING_UPLOAD_INTERVAL="3600",
            DD_TRACE_AGENT_URL="http://127.0.0.1:1", DD_PROFILING_STACK_INTERVAL=str(interval_s),
            DD_INSTRUMENTATION_TELEMETRY_ENABLED="0", DD_TRACE_ENABLED="0",
            _DD_PROFILING_STACK_ADAPTIVE_SAMPLING_ENABLED="0",  # else it looks less often than it is asked to
        )  # fmt: skip
        from ddtrace.profiling import Profiler

        self.profiler = Profiler()
        self.profiler.start()

    def stop(self):
        self.profiler.stop(flush=False)

    def seen(self):
        return {"samples": {}}


class Pyroscope:
    """pyroscope-io, which pushes to a server that is not there; what it saw stays with it."""

    def __init__(self, name, interval_s):
        import pyroscope

        self.pyroscope = pyroscope
        pyroscope.configure(
            application_name="bench", server_address="http://127.0.0.1:1", sample_rate=round(1 / interval_s),
            oncpu=False, gil_only=False, upload_interval=3600,
        )  # fmt: skip

    def stop(self):
        self.pyroscope.shutdown()

    def seen(self):
        return {"samples": {}}


class Nobody:
    def __init__(self, name, interval_s):
        pass

    def stop(self):
        pass

    def seen(self):
        return {"samples": {}}


PEERS = {
    "none": Nobody, "outside": Nobody, "timer": Timer, "current-frames": CurrentFrames, "kibitz-native": Kibitz,
    "kibitz-python": Kibitz, "kibitz-python-fair": Kibitz, "aws": Aws, "pyinstrument": Pyinstrument, "ddtrace": Ddtrace, "pyroscope": Pyroscope,
}  # fmt: skip


def main():
    name, workload, interval_s, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]) / 1e6, float(sys.argv[4])
    release = threading.Event()
    if workload == "threads":
        for _ in range(50):
            threading.Thread(target=deep, args=(28, release.wait), daemon=True).start()
    functions = (add, multiply, divide, nap) if workload == "mixed" else (spin,)
    truth = {function.__name__: [0.0, 0.0] for function in functions}
    deep(26, work, functions, 0.2, {key: [0.0, 0.0] for key in truth})
    begun = time.perf_counter()
    peer = PEERS[name](name, interval_s)
    started_ms = 1000 * (time.perf_counter() - begun)
    if name == "outside":
        print("ready", flush=True)
        sys.stdin.readline()
    wall, process, own = time.perf_counter(), time.process_time(), time.thread_time()
    deep(26, work, functions, seconds, truth)
    own = time.thread_time() - own
    process, wall = time.process_time() - process, time.perf_counter() - wall
    peer.stop()
    told = {
        "wall_s": wall,
        "peer_cpu_s": max(0.0, process - own),
        "start_ms": started_ms,
        "truth": truth,
        **peer.seen(),
    }
    print(json.dumps(told), flush=True)
    if name == "outside":
        sys.stdin.readline()  # what the peer used is read while it runs
    release.set()
    os._exit(0)


if __name__ == "__main__":
    main()
