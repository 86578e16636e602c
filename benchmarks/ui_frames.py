"""How fast is the flame graph drawn, zoomed and searched, next to what else there is?

In headless Chromium without a GPU: first paint after the data is in memory (parsing included), 120 frames of a zoom and
pan, a search up to its painted frame, the JavaScript heap, the payload's bytes. The trees: random walks over a call
graph, and a flat one in which every rectangle is a pixel wide, so that nothing can be left out of the picture.

    python benchmarks/ui_frames.py            10,000 and 100,000 nodes and the flat tree, 5 runs of each, in turns
    python benchmarks/ui_frames.py --quick    10,000 nodes, one run

The peers come from npm into a temporary folder (or `--packages FOLDER`, where they are installed already).
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kibitz_agent.flamegraph import asset, inline_script, pack

PACKAGES = ("flamebearer@1.1.3", "speedscope@1.25.0", "d3-flame-graph@5.0.0", "d3@7.9.0")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--enable-precise-memory-info",
]
SIZE = {"width": 1600, "height": 900}
FRAMES = 120
FRAME_MS = 17.0
WORD = "session"
DEPTH = 60

Nodes = list[tuple[int, int, int]]
"""Parent, name and self samples of each node; a parent precedes its children, node 0 is the root."""


def walked(count: int, seed: int = 6) -> Nodes:
    """A tree of ``count`` nodes of random walks over a call graph in which most functions have one callee."""
    choose = random.Random(seed)
    callees = [
        [choose.randrange(6000) for _ in range(1 if choose.random() < 0.72 else choose.randint(2, 12))]
        for _ in range(6000)
    ]
    nodes: list[list[int]] = [[-1, 0, 0]]
    known: dict[tuple[int, int], int] = {}
    while len(nodes) < count:
        at, name = 0, choose.randrange(40)
        for _ in range(choose.randint(5, DEPTH)):
            key = (at, name)
            if key not in known:
                if len(nodes) == count:
                    break
                known[key] = len(nodes)
                nodes.append([at, name + 1, 0])
            at = known[key]
            below = callees[name]
            name = below[min(int(choose.paretovariate(0.9)) - 1, len(below) - 1)]
        nodes[at][2] += 1
    return [(parent, name, self) for parent, name, self in nodes]


def flat(columns: int = 1694, levels: int = 59) -> Nodes:
    """``columns`` equal towers of ``levels`` frames each: no box is wide enough to stand for others."""
    nodes: Nodes = [(-1, 0, 0)]
    for column in range(columns):
        for level in range(levels):
            above = 0 if level == 0 else len(nodes) - 1
            nodes.append((above, 1 + (column * 7 + level * 131) % 6000, int(level == levels - 1)))
    return nodes


def name_of(index: int) -> str:
    """A Python-like name; one in 97 holds the word that is searched for."""
    if index == 0:
        return "all"
    return f"package{index % 53}.module{index % 211}:Class{index % 17}.{'session' if index % 97 == 0 else 'call'}_{index}"


def payload(nodes: Nodes) -> dict[str, Any]:
    """The tree as our renderer takes it, packed."""
    names = sorted({name for _, name, _ in nodes})
    place = {name: index for index, name in enumerate(names)}
    return pack({
        "version": 1, "title": "benchmark", "subtitle": "", "start": 0, "end": 1, "notes": [],
        "strings": ["", *map(name_of, names)],
        "frames": {"name": list(range(1, len(names) + 1)), "file": [0] * len(names), "line": [0] * len(names)},
        "nodes": {"parent": [parent for parent, _, _ in nodes], "frame": [place[name] for _, name, _ in nodes]},
        "values": [{"name": "samples", "unit": "count", "self": [self for _, _, self in nodes]}],
    })  # fmt: skip


def children_and_totals(nodes: Nodes) -> tuple[list[list[int]], list[int]]:
    """Children and total samples per node."""
    below: list[list[int]] = [[] for _ in nodes]
    total = [self for _, _, self in nodes]
    for node in range(len(nodes) - 1, 0, -1):
        below[nodes[node][0]].append(node)
        total[nodes[node][0]] += total[node]
    return below, total


def for_d3(nodes: Nodes) -> dict[str, Any]:
    """d3-flame-graph's nested objects."""
    _, total = children_and_totals(nodes)
    made: list[dict[str, Any]] = []
    for node, (parent, name, _) in enumerate(nodes):
        made.append({"name": name_of(name), "value": total[node], "children": []})
        if parent >= 0:
            made[parent]["children"].append(made[node])
    return made[0]


def for_flamebearer(nodes: Nodes) -> dict[str, Any]:
    """flamebearer's levels: distance from the bar before, width, name."""
    below, total = children_and_totals(nodes)
    levels: list[list[int]] = []
    row = [(0, 0)]
    while row:
        level, edge, following = [], 0, []
        for node, left in row:
            level += [left - edge, total[node], nodes[node][1]]
            edge = left + total[node]
            for child in below[node]:
                if total[child]:
                    following.append((child, left))
                    left += total[child]
        levels.append(level)
        row = following
    return {"names": [name_of(index) for index in range(6001)], "levels": levels, "numTicks": total[0]}


def for_speedscope(nodes: Nodes) -> dict[str, Any]:
    """speedscope's sampled profile."""
    stacks: list[list[int]] = []
    for parent, name, _ in nodes:
        stacks.append([*(stacks[parent] if parent >= 0 else ()), name])
    seen = [node for node, (_, _, self) in enumerate(nodes) if self]
    weights = [nodes[node][2] for node in seen]
    return {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "shared": {"frames": [{"name": name_of(index)} for index in range(6001)]},
        "profiles": [
            {"type": "sampled", "name": "benchmark", "unit": "none", "startValue": 0, "endValue": sum(weights),
             "samples": [stacks[node] for node in seen], "weights": weights}
        ],
    }  # fmt: skip


# In every page: painted() ends when a frame after the last change has been presented; run() draws 120 frames.
COMMON = """
window.painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))));
window.view = (k, frames) => {
  const part = k < frames / 2 ? k / (frames / 2) : 2 - k / (frames / 2);
  const wide = Math.exp(Math.log(0.02) * part);
  const start = (1 - wide) * (0.3 + 0.2 * Math.sin(k / 9));
  return [start, start + wide];
};
window.run = (frames, draw) => new Promise((done) => {
  const deltas = [];
  let [k, before] = [-1, 0];
  const step = (now) => {
    if (k >= 0) deltas.push(now - before);
    before = now;
    if (++k >= frames) return done(deltas);
    draw(k);
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
});
"""

Figures = dict[str, Any]


def ours(page: Any, at: str, frames: int) -> Figures:
    """Kibitz: the whole component with its table, path and status line."""
    page.goto(f"{at}/kibitz.html")
    page.evaluate(
        "async (name) => { window.text = await (await fetch(name)).text(); await painted(); }", "kibitz.json"
    )
    return page.evaluate(
        """async ({frames, word}) => {
      const begin = performance.now();
      window.graph = new FlameGraph(document.getElementById("graph"), JSON.parse(text), {});
      const paint = (await painted()) - begin;
      await new Promise((done) => setTimeout(done, 500));
      const all = graph.layout.sum;
      const deltas = await run(frames, (k) => { const [a, b] = view(k, frames); graph.setView({ start: a * all, end: b * all }); });
      graph.reset();
      await new Promise((done) => setTimeout(done, 500));
      const asked = performance.now();
      graph.search(word);
      const called = performance.now() - asked;
      return { paint, deltas, search: (await painted()) - asked, called, found: graph.matchCount };
    }""",
        {"frames": frames, "word": WORD},
    )  # fmt: skip


def flamebearer(page: Any, at: str, frames: int) -> Figures:
    """flamebearer: its own page and script, driven through its own variables."""
    page.goto(f"{at}/flamebearer.html")
    page.evaluate(
        "async (name) => { window.text = await (await fetch(name)).text(); await painted(); }",
        "flamebearer.json",
    )
    return page.evaluate(
        """async ({frames, word}) => {
      const begin = performance.now();
      ({names, levels, numTicks} = JSON.parse(text));
      init();
      const paint = (await painted()) - begin;
      const deltas = await run(frames, (k) => { [rangeMin, rangeMax] = view(k, frames); render(); });
      rangeMin = 0; rangeMax = 1; render();
      await new Promise((done) => setTimeout(done, 500));
      const asked = performance.now();
      query = word; render();
      const called = performance.now() - asked;
      return { paint, deltas, search: (await painted()) - asked, called };
    }""",
        {"frames": frames, "word": WORD},
    )  # fmt: skip


def d3(page: Any, at: str, frames: int) -> Figures:
    """d3-flame-graph with small frames left out and no transition, its fastest; it cannot pan, so clicks are its frames."""
    page.goto(f"{at}/d3.html")
    page.evaluate(
        "async (name) => { window.text = await (await fetch(name)).text(); await painted(); }", "d3.json"
    )
    return page.evaluate(
        """async ({frames, word}) => {
      const begin = performance.now();
      const chart = flamegraph.default().width(1600).cellHeight(18).minFrameSize(0.5).transitionDuration(0);
      d3.select("#chart").datum(JSON.parse(text)).call(chart);
      const paint = (await painted()) - begin;
      const root = d3.select("#chart g").datum();
      const deltas = await run(frames, (k) => {
        if (k === 0) chart.zoomTo(root.children[0]);
        if (k === frames / 2) chart.resetZoom();
      });
      await new Promise((done) => setTimeout(done, 500));
      const asked = performance.now();
      chart.search(word);
      const called = performance.now() - asked;
      return { paint, deltas, search: (await painted()) - asked, called };
    }""",
        {"frames": frames, "word": WORD},
    )  # fmt: skip


def speedscope(page: Any, at: str, frames: int) -> Figures:
    """speedscope: from its data's arrival to the first label drawn and presented; frames by wheel events."""
    page.add_init_script(
        """const plain = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
          if (text === "all" && !window.labelled) window.labelled = performance.now();
          return plain.call(this, text, ...rest);
        };"""
    )
    page.goto(f"{at}/node_modules/speedscope/dist/release/index.html#profileURL={at}/speedscope.json")
    page.wait_for_function("window.labelled > 0", timeout=60_000)
    return page.evaluate(
        COMMON
        + """(async (frames) => {
      const shown = await painted();
      const arrived = performance.getEntriesByType("resource").find((one) => one.name.endsWith("/speedscope.json")).responseEnd;
      const canvas = document.elementFromPoint(700, 400);
      const deltas = await run(frames, (k) => canvas.dispatchEvent(new WheelEvent("wheel", {
        bubbles: true, cancelable: true, clientX: 700, clientY: 400, ctrlKey: true, deltaY: k < frames / 2 ? -20 : 20,
      })));
      return { paint: window.labelled - arrived, deltas };
    })"""
        + f"({frames})"
    )


RENDERERS: dict[str, tuple[Callable[[Any, str, int], Figures], Callable[[Nodes], dict[str, Any]]]] = {
    "kibitz": (ours, payload),
    "flamebearer": (flamebearer, for_flamebearer),
    "speedscope": (speedscope, for_speedscope),
    "d3": (d3, for_d3),
}


def install(folder: Path, packages: Path | None) -> str:
    """The peers under ``folder``/node_modules; why not, where that cannot be."""
    if packages is not None:
        (folder / "node_modules").symlink_to((packages / "node_modules").resolve())
        return ""
    if shutil.which("npm") is None:
        return "npm is not installed"
    command = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        str(folder),
        *PACKAGES,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return "" if done.returncode == 0 else f"npm install failed: {done.stderr.strip()[-200:]}"


def write_pages(folder: Path, peers: bool) -> None:
    """One page per renderer, with its script and no data."""
    script = f"<script>{COMMON}</script>"
    (folder / "kibitz.html").write_text(
        f"<!DOCTYPE html><meta charset=utf-8><style>html,body,#graph{{height:100%;margin:0}}{asset('flamegraph.css')}</style>"
        f"<div id=graph></div>{script}<script>{inline_script()}</script>"
    )
    if not peers:
        return
    viewer = folder / "node_modules/flamebearer"
    head = (viewer / "index.html").read_text().split("<script")[0]
    viz = (viewer / "viz.js").read_text().split("/* BIN_SPLIT */")[0]
    (folder / "flamebearer.html").write_text(f"{head}{script}<script>{viz}</script>")
    (folder / "d3.html").write_text(
        "<!DOCTYPE html><meta charset=utf-8>"
        "<link rel=stylesheet href=node_modules/d3-flame-graph/dist/d3-flamegraph.css><div id=chart></div>"
        f"{script}<script src=node_modules/d3/dist/d3.min.js></script>"
        "<script src=node_modules/d3-flame-graph/dist/d3-flamegraph.umd.min.js></script>"
    )


class Quiet(SimpleHTTPRequestHandler):
    """Files, without a line per request."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder over HTTP on 127.0.0.1; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


PAINTS = {
    "kibitz": """async () => {
      window.graph = new FlameGraph(document.getElementById("graph"), JSON.parse(text), {});
      await painted();
    }""",
    "flamebearer": """async () => {
      ({names, levels, numTicks} = JSON.parse(text));
      init();
      await painted();
    }""",
    "d3": """async () => {
      const chart = flamegraph.default().width(1600).cellHeight(18).minFrameSize(0.5).transitionDuration(0);
      d3.select("#chart").datum(JSON.parse(text)).call(chart);
      await painted();
    }""",
}


def main_thread_ms(browser: Any, renderer: str, at: str) -> float:
    """CPU time of the page's main thread from the data's arrival to the first picture: what else runs adds little to it."""
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    page.set_default_timeout(120_000)
    try:
        page.goto(f"{at}/{renderer}.html")
        page.evaluate(
            "async (name) => { window.text = await (await fetch(name)).text(); await painted(); await painted(); }",
            f"{renderer}.json",
        )
        session = context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        before = _task_s(session)
        page.evaluate(PAINTS[renderer])
        return 1000 * (_task_s(session) - before)
    finally:
        context.close()


def _task_s(session: Any) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


def measure(browser: Any, renderer: str, at: str) -> Figures:
    """One run in a fresh context."""
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    page.set_default_timeout(120_000)
    try:
        figures = RENDERERS[renderer][0](page, at, FRAMES)
        page.request_gc() if hasattr(page, "request_gc") else None
        if renderer in PAINTS:
            figures["thread"] = main_thread_ms(browser, renderer, at)
        figures["heap"] = page.evaluate("performance.memory.usedJSHeapSize")
        return figures
    finally:
        context.close()


def summary(
    renderer: str, tree: str, nodes: int, runs: list[Figures], size: tuple[int, int]
) -> dict[str, Any]:
    """The medians of the runs; frames are pooled."""
    deltas = sorted(delta for run in runs for delta in run["deltas"])
    middle = lambda key: round(statistics.median(run[key] for run in runs), 1)  # noqa: E731
    searches = all("search" in run for run in runs)
    return {
        "benchmark": "ui_frames", "renderer": renderer, "tree": tree, "nodes": nodes, "runs": len(runs),
        "first_paint_ms": middle("paint"),
        "first_paint_worst_ms": round(max(run["paint"] for run in runs), 1),
        "first_paint_main_thread_ms": middle("thread") if all("thread" in run for run in runs) else None,
        "frame_median_ms": round(statistics.median(deltas), 1),
        "frame_p95_ms": round(deltas[int(len(deltas) * 0.95)], 1),
        "frame_worst_ms": round(deltas[-1], 1),
        "dropped_of_120": round(sum(delta > 1.5 * FRAME_MS for delta in deltas) / len(runs), 1),
        "search_call_ms": middle("called") if searches else None,
        "search_painted_ms": middle("search") if searches else None,
        "heap_mb": round(statistics.median(run["heap"] for run in runs) / 1e6, 1),
        "payload_bytes": size[0], "payload_gzip_bytes": size[1],
    }  # fmt: skip


def main() -> None:
    """Print one JSON line per renderer and tree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="10,000 nodes, one run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--packages", type=Path, help="a folder whose node_modules hold the peers")
    parser.add_argument(
        "--only", choices=RENDERERS, action="append", help="this renderer alone; may be repeated"
    )
    asked = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        program = None
    if program is None:
        print(json.dumps({"benchmark": "ui_frames", "skipped": "needs playwright and chromium"}))
        return
    trees = {"walks10k": walked(10_000)}
    if not asked.quick:
        trees |= {"walks100k": walked(100_000), "flat100k": flat()}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as session:
        folder = Path(name)
        wanted = asked.only or list(RENDERERS)
        why = install(folder, asked.packages) if wanted != ["kibitz"] else ""
        if why:
            print(json.dumps({"benchmark": "ui_frames", "renderer": "peers", "skipped": why}))
            wanted = ["kibitz"]
        write_pages(folder, wanted != ["kibitz"])
        browser = session.chromium.launch(executable_path=program, args=ARGUMENTS)
        with served(folder) as at:
            for tree, nodes in trees.items():
                compare(browser, folder, at, tree, nodes, wanted, 1 if asked.quick else asked.runs)
        browser.close()


def compare(
    browser: Any, folder: Path, at: str, tree: str, nodes: Nodes, wanted: list[str], count: int
) -> None:
    """The renderers in turns over one tree."""
    sizes, runs = {}, {renderer: list[Figures]() for renderer in wanted}
    for renderer in wanted:
        text = json.dumps(RENDERERS[renderer][1](nodes), separators=(",", ":")).encode()
        (folder / f"{renderer}.json").write_bytes(text)
        sizes[renderer] = (len(text), len(gzip.compress(text, 6)))
    for _ in range(count):
        for renderer in wanted:
            try:
                runs[renderer].append(measure(browser, renderer, at))
            except Exception as error:  # a peer that gives up must not end the run
                print(f"{renderer} on {tree}: {str(error)[:300]}", file=sys.stderr)
    for renderer in wanted:
        if runs[renderer]:
            print(
                json.dumps(summary(renderer, tree, len(nodes), runs[renderer], sizes[renderer])), flush=True
            )


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    main()
