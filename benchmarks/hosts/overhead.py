"""A host under one profiler, for agent_overhead.py: ``python overhead.py WORKLOAD PROFILER INTERVAL_MS SECONDS FOLDER``.

Works for that long, and prints one line of JSON: rounds of work done, seconds, and CPU seconds of the process, of the thread
that works, and of a profiler's process of its own, all three over the time of the work alone.
"""

import datetime as dt
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

WORKLOAD, PROFILER, INTERVAL_MS, SECONDS, FOLDER = (
    sys.argv[1],
    sys.argv[2],
    int(sys.argv[3]),
    float(sys.argv[4]),
    sys.argv[5],
)


OUTSIDE = []


def clocks():
    """Seconds on the wall; CPU seconds of this process, of this thread, of the profiler's own process."""
    outside = sum(sum(process.cpu_times()[:2]) for process in OUTSIDE)
    return time.perf_counter(), time.process_time(), time.thread_time(), outside


def deep(n, call):
    return deep(n - 1, call) if n else call()


def compute():
    total = 0
    for i in range(20000):
        total += i * i
    return total


def computing():
    return compute


def waiting():
    def work():
        compute()
        time.sleep(0.001)

    return work


def serving():
    from flask import Flask, jsonify, render_template_string

    app = Flask("shop")

    @app.get("/cart")
    def cart():
        return jsonify([{"id": n, "price": n * 1.1} for n in range(100)])

    @app.get("/page")
    def page():
        return render_template_string("{% for n in numbers %}<p>{{ n }}</p>{% endfor %}", numbers=range(50))

    client = app.test_client()

    def work():
        assert client.get("/cart").status_code == 200
        assert client.get("/page").status_code == 200

    return work


def kibitz():
    from kibitz_agent.config import Settings
    from kibitz_agent.fleet import Identity
    from kibitz_agent.profiler import Profiler

    class Nowhere:
        samples = 0

        def configure(self):
            return None

        def report(self, profile):
            self.samples += profile.total()

        def close(self, timeout_s):
            pass

    settings = Settings(sampling_interval_ms=INTERVAL_MS, cpu_limit_percent=100)
    profiler = Profiler(Nowhere(), Identity("bench"), settings)
    profiler.start()
    return profiler.stop


def aws():
    from codeguru_profiler_agent import Profiler

    interval = dt.timedelta(milliseconds=INTERVAL_MS)
    profiler = Profiler(profiling_group_name="bench", region_name="us-east-1", environment_override={
        "reporting_mode": "file", "file_prefix": str(Path(FOLDER, "aws")), "cpu_limit_percentage": 100,
        "sampling_interval": interval, "initial_sampling_interval": interval,
        "minimum_time_reporting": dt.timedelta(minutes=10), "reporting_interval": dt.timedelta(minutes=10),
    })  # fmt: skip
    profiler.start()
    return lambda: None  # its `stop` waits for a period's end


def pyinstrument():
    from pyinstrument import Profiler

    profiler = Profiler(interval=INTERVAL_MS / 1000)
    profiler.start()
    return profiler.stop


def outside(*command):
    """A profiler that is a process of its own."""
    started = subprocess.Popen(
        [*command, str(os.getpid())],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    time.sleep(1.0)  # until it has attached
    if started.poll() is not None:
        raise SystemExit(f"{command[0]}: {started.stderr.read().decode()[-300:]}")

    OUTSIDE.append(psutil.Process(started.pid))

    def stop():
        started.send_signal(2)
        started.communicate(timeout=60)

    return stop


def py_spy():
    rate = str(max(1, 1000 // INTERVAL_MS))
    output = str(Path(FOLDER, f"py-spy-{os.getpid()}.txt"))
    return outside("py-spy", "record", "--nonblocking", "-r", rate, "-f", "raw", "-o", output, "--pid")


def austin():
    return outside(
        "austin", "-i", str(INTERVAL_MS * 1000), "-o", str(Path(FOLDER, f"austin-{os.getpid()}.txt")), "-p"
    )


def main():
    work = {"busy": computing, "threads": computing, "mixed": waiting, "flask": serving}[WORKLOAD]()
    if WORKLOAD == "threads":
        release = threading.Event()
        for _ in range(50):
            threading.Thread(target=deep, args=(28, release.wait), daemon=True).start()
    stop = {
        "kibitz": kibitz,
        "aws": aws,
        "pyinstrument": pyinstrument,
        "py-spy": py_spy,
        "austin": austin,
    }.get(PROFILER, lambda: lambda: None)()
    deep(20, work)
    time.sleep(0.2)
    rounds, before = 0, clocks()
    until = before[0] + SECONDS

    def loop():
        nonlocal rounds
        while time.perf_counter() < until:
            work()
            rounds += 1

    deep(20, loop)
    taken = [after - begun for after, begun in zip(clocks(), before, strict=True)]
    stop()
    names = "wall", "cpu", "work_cpu", "outside_cpu"
    print(json.dumps({"rounds": rounds, **dict(zip(names, taken, strict=True))}))
    sys.stdout.flush()
    os._exit(0)


main()
