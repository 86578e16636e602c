"""What the agent's threads need is there before they begin, where an import of theirs could hold a host up for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

REPORTS = """
import os, sys, time
import kibitz_agent
{first}
os.environ["KIBITZ_HEAP_SUMMARY"] = "1"
kibitz_agent.start(
    "g", sys.argv[1], sampling_interval_ms=2, reporting_interval_ms=200, minimum_reporting_ms=1, heap_summary=True
)
before = set(sys.modules)
until = time.monotonic() + 120
while time.monotonic() < until and not os.path.exists(sys.argv[2]): {wait}
print(sorted(set(sys.modules) - before){and_tell})
kibitz_agent.stop()
"""
HUBS = "import gc, gevent.hub; hubs = [o for o in gc.get_objects() if isinstance(o, gevent.hub.Hub)]"


@pytest.fixture
def collector(tmp_path) -> Iterator[tuple[str, str]]:
    """A collector that makes a file once it has got three reports: its address, and the file's name."""
    seen, told = [], tmp_path / "three"

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(self.path)
            if sum("agentProfile" in path or "report" in path for path in seen) == 3:
                told.touch()
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        yield f"http://127.0.0.1:{server.server_port}", str(told)
        server.shutdown()


def tell(program: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False, timeout=240,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert os.path.exists(words[1])  # noqa: PTH110
    return done.stdout


def test_threads_import_nothing_after_it(collector):
    first = "from kibitz_agent.preload import preload; preload()"
    assert tell(REPORTS.format(first=first, wait="time.sleep(0.01)", and_tell=""), *collector) == "[]\n"


def test_in_a_host_of_gevents_they_import_nothing_and_have_no_event_loop(collector):
    pytest.importorskip("gevent")
    program = REPORTS.format(
        first="from gevent import monkey; monkey.patch_all(); import gevent; gevent.sleep(0)\n" + HUBS.partition(";")[0],
        wait="gevent.sleep(0.01)",
        and_tell=", sum(isinstance(o, gevent.hub.Hub) for o in gc.get_objects())",
    )  # fmt: skip
    assert tell(program, *collector) == "[] 1\n"
