"""From files to findings: reads, indexes, runs the rules that a file can concern, suppresses, fingerprints.

Files are independent, so many are spread over processes. Nothing that goes wrong with one file stops the others, and
nothing goes wrong silently: what could not be reviewed is in the result as a problem.
"""

from __future__ import annotations

import functools
import gc
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path

from kibitz_reviewer.cache import Cache, Known, digest
from kibitz_reviewer.dataflow.program import Workspace
from kibitz_reviewer.engines import notebook, pylint
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.parsing import UnparsableError
from kibitz_reviewer.finding import Finding, fingerprinted
from kibitz_reviewer.fixes import with_fixes
from kibitz_reviewer.rule import Rule, all_rules, rule_named
from kibitz_reviewer.sources import NOTEBOOK, Source, UnreadableError, decode, read
from kibitz_reviewer.suppress import Suppressions, keep, suppressions, unused

POOL_FROM_FILES = 20
#: How many objects more than after the last collection are worth one; a full round takes a second for each two million.
GARBAGE_OBJECTS = 1_000_000
#: How much a process is given at once. Large pieces spare the data flow from reading the same imports in each process.
CHUNK_BYTES, MAX_CHUNK_BYTES = 200_000, 800_000
PYLINT_UP_TO_FILES = 20
PROGRESS_AFTER_S = 2.0


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that kept (part of) a file from being reviewed. ``broken``: the file itself is at fault."""

    path: str
    message: str
    line: int = 0
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """One file to review: the path to show, where it is on disk, and its bytes where they are not those on disk.

    ``changed`` limits the findings to those that touch these lines; None: no limit. ``asked``: the user named this very
    file, or the change touches it. ``fixes``: work out how findings can be fixed; ``dataflow``: follow values.
    ``before``: the path the file had before the change, "" for the same.
    """

    path: str
    place: Path
    content: bytes | None = None
    changed: frozenset[int] | None = None
    asked: bool = False
    fixes: bool = True
    dataflow: bool = True
    before: str = ""

    def source(self) -> Source:
        """The file's text; raises ``UnreadableError``."""
        return read(self.place) if self.content is None else decode(self.content)


@dataclass(slots=True)
class Review:
    """The outcome: findings in order, problems, and the size of what was looked at."""

    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: int = 0
    lines: int = 0
    suppressed: int = 0

    def add(self, other: Review) -> None:
        """Take in the outcome of other files."""
        self.findings += other.findings
        self.problems += other.problems
        self.files += other.files
        self.lines += other.lines
        self.suppressed += other.suppressed


def review(targets: Sequence[Target], *, with_pylint: bool = False, cache: Path | None = None) -> Review:
    """Review ``targets``; ``with_pylint`` also asks pylint about them, where they are few or changed.

    ``cache`` is a folder in which what was found is kept, and looked up the next time.
    """
    result = Review()
    store = Cache(cache.absolute()) if cache is not None else None
    alone = functools.partial(review_file, cache=store)
    progress = _Progress(len(targets))
    for part in _over_processes(targets, store) if len(targets) >= POOL_FROM_FILES else map(alone, targets):
        result.add(part)
        progress.step(part.files + len(part.problems))
    progress.done()
    if with_pylint:
        _ask_pylint(targets, result)
    result.findings.sort(key=lambda finding: finding.order)
    result.problems.sort(key=lambda problem: (problem.path, problem.line))
    return result


def review_file(target: Target, cache: Cache | None = None) -> Review:
    """Review one file with our own rules; with a ``cache``, only if it or what it imports has changed."""
    try:
        text = target.source().text
        if cache is not None and target.changed is None:
            return _remembered(text, target, cache)
        if target.path.endswith(NOTEBOOK):
            return _review_notebook(text, target)
        return review_source(
            text,
            target.path,
            target.changed,
            workspace=_workspace(target),
            fixes=target.fixes,
            dataflow=target.dataflow,
        )
    except UnreadableError as error:
        return Review(problems=[Problem(target.path, str(error), broken=error.broken)])


def _remembered(text: str, target: Target, cache: Cache) -> Review:
    """What the cache knows of a file, or what a review finds, which is then put there."""
    space = _workspace(target)
    known = cache.get(_key(target), text, functools.partial(_digest, space))
    if known is not None:
        return Review(known.findings, files=1, lines=text.count("\n"), suppressed=known.suppressed)
    if space is not None:
        space.asked = set()
    result = review_file(target)
    if not result.problems:
        asked = (space.asked - {target.path}) if space is not None else set()
        depends = {path: _digest(space, path) for path in asked}
        cache.put(_key(target), text, Known(result.findings, result.suppressed), depends)
    return result


def _key(target: Target) -> str:
    """What findings in a text also depend on: its path, and what was asked about it."""
    return f"{target.path}\0{'fixes' * target.fixes}\0{'dataflow' * target.dataflow}"


@functools.lru_cache(maxsize=20_000)
def _digest(space: Workspace | None, path: str) -> str | None:
    """The hash of a file of the workspace; None if there is none."""
    if space is None or space.root is None:
        return None
    try:
        return digest((space.root / path).read_bytes())
    except (OSError, ValueError):
        return None


def _review_notebook(text: str, target: Target) -> Review:
    """Review the code of a notebook's cells; lines are those of the cells one after the other."""
    try:
        source = notebook.source_of(text)
    except ValueError as error:
        return Review(problems=[Problem(target.path, f"not a notebook: {error}", broken=True)])
    result = review_source(source, target.path, workspace=_workspace(target))
    result.findings = [replace(finding, fix=None, anchor=None) for finding in result.findings]
    return result


def _workspace(target: Target) -> Workspace | None:
    """The files around ``target``: those below the folder that its shown path starts from."""
    depth = target.path.count("/") + 1
    parents = target.place.absolute().parents
    if target.path.startswith("/") or ".." in target.path.split("/") or len(parents) < depth:
        return None
    root = parents[depth - 1]
    return _space(root) if (root / target.path) == target.place.absolute() else None


@functools.lru_cache(maxsize=4)
def _space(root: Path) -> Workspace:
    return Workspace(root)


def review_source(
    text: str,
    path: str,
    changed: frozenset[int] | None = None,
    rules: Sequence[Rule] | None = None,
    workspace: Workspace | None = None,
    *,
    fixes: bool = True,
    dataflow: bool = True,
) -> Review:
    """Review a source text with ``rules`` (default: all), limited to findings that touch ``changed`` lines.

    ``workspace`` is where the files that it imports are found; without one it is looked at on its own. Without ``fixes``
    findings carry none; without ``dataflow`` no value is followed.
    """
    try:
        known = workspace.parsed(path, text) if workspace is not None else None
        module = Module(text, path) if known is None else known
        module.workspace = workspace
        module.follows = dataflow
    except UnparsableError as error:
        return Review(problems=[Problem(path, f"does not parse: {error}", error.line, broken=True)])
    result = Review(files=1, lines=len(module.lines) - (module.lines[-1] == ""))
    for first, last in module.skipped:
        where = f"line {first}" if first == last else f"lines {first}-{last}"
        reason = (
            f"{where}: syntax newer than Python {sys.version_info[0]}.{sys.version_info[1]}, not reviewed"
        )
        result.problems.append(Problem(path, reason, first))
    found: list[Finding] = []
    for rule in all_rules() if rules is None else rules:
        if rule.wants(module.source, module.words):
            found += _checked(rule, module, result)
    if module.flow_error:
        result.problems.append(Problem(path, f"data flow failed: {module.flow_error}"))
    # Fingerprints are given before anything is left out: an ordinal must not depend on what a change touches.
    if found:
        found = fingerprinted(without_superseded(found))
    hints = suppressions(text)
    if rules is None:
        found = [*found, *fingerprinted(unused(module, hints, found))]
    found, result.suppressed = keep(found, hints)
    here = touching(found, changed)
    result.findings = with_fixes(module, here) if fixes else here
    module.forget()
    return result


def without_superseded(findings: Iterable[Finding]) -> list[Finding]:
    """``findings`` without those that another one of the same line says better."""
    findings = list(findings)
    better = {
        (finding.path, finding.line, lesser)
        for finding in findings
        if (rule := rule_named(finding.rule)) is not None
        for lesser in rule.supersedes
    }
    return [f for f in findings if (f.path, f.line, f.rule) not in better]


def touching(findings: Iterable[Finding], changed: frozenset[int] | None) -> list[Finding]:
    """The findings that lie, in part at least, on ``changed`` lines; all of them if that is None."""
    if changed is None:
        return list(findings)
    return [f for f in findings if any(line in changed for line in range(f.line, f.end_line + 1))]


def _checked(rule: Rule, module: Module, result: Review) -> list[Finding]:
    """A rule's findings; a rule that fails is a problem of ours to report, not a reason to stop."""
    try:
        return list(rule.check(module))
    except Exception as error:
        result.problems.append(
            Problem(module.path, f"rule {rule.id} failed: {type(error).__name__}: {error}")
        )
        return []


def _ask_pylint(targets: Sequence[Target], result: Review) -> None:
    texts: dict[str, str] = {}
    changed: dict[str, frozenset[int] | None] = {}
    broken = {problem.path for problem in result.problems if problem.broken}
    for target in targets:
        if target.path not in broken and not target.path.endswith(NOTEBOOK):
            try:
                texts[target.path] = target.source().text
            except UnreadableError:
                continue
            changed[target.path] = target.changed
    try:
        theirs = pylint.review(texts)
    except pylint.PylintError as error:
        result.problems.append(Problem("", f"{error}; its messages are missing from this review"))
        return
    hints: dict[str, Suppressions] = {path: suppressions(texts[path]) for path in {f.path for f in theirs}}
    for path in sorted(hints):
        here = fingerprinted(finding for finding in theirs if finding.path == path)
        kept, suppressed = keep(here, hints[path])
        result.suppressed += suppressed
        result.findings += pylint.without_duplicates(result.findings, touching(kept, changed[path]))


# Many files


def _over_processes(targets: Sequence[Target], cache: Cache | None) -> Iterable[Review]:
    """Review over all processors; a file that takes its process down with it becomes a problem."""
    workers = min(os.cpu_count() or 1, 16)
    left = _chunks(targets, workers)
    # Forking is quick, but only safe while this process has one thread.
    forks = sys.platform == "linux" and threading.active_count() == 1
    context = multiprocessing.get_context("fork" if forks else "spawn")
    if forks:
        _prepare(fixes=any(t.fixes for t in targets), dataflow=any(t.dataflow for t in targets))
    lost: list[Target] = []
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        running: dict[Future[Review], list[Target]] = {
            pool.submit(_review_chunk, chunk, cache): chunk for chunk in left
        }
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                chunk = running.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    lost += chunk
    for target in lost:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            try:
                yield pool.submit(review_file, target).result()
            except BrokenProcessPool:
                yield Review(
                    problems=[Problem(target.path, "reviewing it ended the process; left out", broken=True)]
                )


def _prepare(*, fixes: bool, dataflow: bool) -> None:
    """Load what every worker needs, so that they are born with it, and keep the collector from looking at it in each."""
    all_rules()
    if fixes:
        from kibitz_reviewer import repairs  # noqa: F401 - brings libcst
    if dataflow:
        from kibitz_reviewer.dataflow import analysis, models  # noqa: F401 - the first is only loaded

        models.standard_models()
    gc.collect()
    gc.freeze()


def _review_chunk(targets: list[Target], cache: Cache | None) -> Review:
    """Review some files in a process of the pool, where nothing but this runs."""
    result = Review()
    # Trees are allocated in bursts that look like garbage to the collector: its rounds were a fifth of the time.
    gc.disable()
    try:
        for target in targets:
            result.add(review_file(target, cache))
    finally:
        gc.enable()
        if gc.get_count()[0] > GARBAGE_OBJECTS:
            gc.collect()
    return result


def _chunks(targets: Sequence[Target], workers: int) -> list[list[Target]]:
    """Targets in chunks of about equal size in bytes, neighbours together (they import each other), the largest first."""
    chunks: list[tuple[int, list[Target]]] = []
    part: list[Target] = []
    filled = 0
    sizes = [(target, _size(target)) for target in sorted(targets, key=lambda target: target.path)]
    limit = CHUNK_BYTES
    if any(target.dataflow for target in targets):
        limit = min(max(limit, sum(size for _, size in sizes) // workers + 1), MAX_CHUNK_BYTES)
    for target, size in sizes:
        if part and filled + size > limit:
            chunks.append((filled, part))
            part, filled = [], 0
        part.append(target)
        filled += size
    chunks.append((filled, part))
    return [part for _, part in sorted(chunks, key=lambda chunk: -chunk[0])]


def _size(target: Target) -> int:
    if target.content is not None:
        return len(target.content)
    try:
        return target.place.stat().st_size
    except OSError:
        return 0


class _Progress:
    """A line on stderr for reviews of more than two seconds, rewritten in place on a terminal."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._clock = total, clock
        self._next = clock() + PROGRESS_AFTER_S
        self._count, self._shown = 0, False

    def step(self, count: int) -> None:
        self._count = min(self._count + count, self._total)
        if self._clock() < self._next or not sys.stderr:
            return
        self._next = self._clock() + PROGRESS_AFTER_S
        self._shown = True
        end = "\r" if sys.stderr.isatty() else "\n"
        print(f"kibitz review: {self._count} of {self._total} files", end=end, file=sys.stderr, flush=True)

    def done(self) -> None:
        if self._shown and sys.stderr.isatty():
            print(" " * 60, end="\r", file=sys.stderr)
