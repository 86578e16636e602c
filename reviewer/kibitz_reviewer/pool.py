"""Files over processes: chunks of about equal size, and what becomes of a file that takes its process with it.

Each worker writes down which file it begins. When one dies (killed, out of memory, a crash in native code) the files that
were open at that moment are tried again, each alone in a process; one that ends that too becomes a problem. The others
go on in a new pool.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext
from pathlib import Path

from kibitz_reviewer import custom, limits
from kibitz_reviewer.outcome import Problem, Review, Target

MAX_WORKERS = 16
#: How much a process is given at once. Large pieces spare the data flow from reading the same imports in each process.
CHUNK_BYTES, MAX_CHUNK_BYTES = 200_000, 800_000
#: How many objects more than after the last collection are worth one; a full round takes a second for each two million.
GARBAGE_OBJECTS = 1_000_000
LOST = "reviewing it ended the process (killed, out of memory or out of time); left out"

Work = Callable[[Target], Review]
_Chunk = list[tuple[int, Target]]


def may_fork() -> bool:
    """Whether workers are born as copies of this process: quick, but safe only while it has one thread."""
    return sys.platform == "linux" and threading.active_count() == 1


def over_processes(
    targets: Sequence[Target], work: Work, prepare: Callable[[], None] | None = None, workers: int = 0
) -> Iterator[Review]:
    """What ``work`` gives for each target, in chunks as they are done. ``prepare`` loads what every worker needs.

    ``work`` has to be a function of a module, or a partial of one. ``workers``: at most so many, 0 for one a processor.
    """
    forks = may_fork()
    context = multiprocessing.get_context("fork" if forks else "spawn")
    if forks:
        if prepare is not None:
            prepare()
        gc.collect()
        # Workers are copies: what is frozen is not touched, so that its pages stay shared.
        gc.freeze()
    try:
        with tempfile.TemporaryDirectory(prefix="kibitz-") as folder:
            workers = min(workers or os.cpu_count() or 1, MAX_WORKERS)
            left = chunks(targets, workers)
            while left:
                yield from _round(left, work, context, Path(folder), workers)
                left, suspects = _after_a_loss(left, Path(folder))
                for suspect in suspects:
                    yield _alone(suspect, work, context)
    finally:
        if forks:
            gc.unfreeze()


def chunks(targets: Sequence[Target], workers: int) -> list[_Chunk]:
    """Targets by number in chunks of about equal size in bytes, neighbours together, as they import each other; the largest first."""
    found: list[tuple[int, _Chunk]] = []
    part: _Chunk = []
    filled = 0
    ordered = sorted(enumerate(targets), key=lambda pair: pair[1].path)
    sizes = {number: _size(target) for number, target in ordered}
    limit = CHUNK_BYTES
    if any(target.dataflow for target in targets):
        limit = min(max(limit, sum(sizes.values()) // workers + 1), MAX_CHUNK_BYTES)
    for number, target in ordered:
        size = sizes[number]
        if part and filled + size > limit:
            found.append((filled, part))
            part, filled = [], 0
        part.append((number, target))
        filled += size
    if part:
        found.append((filled, part))
    return [part for _, part in sorted(found, key=lambda chunk: -chunk[0])]


def _round(
    left: list[_Chunk], work: Work, context: BaseContext, folder: Path, workers: int
) -> Iterator[Review]:
    """Give all chunks to a pool; those that were done are empty afterwards."""
    with _pool(min(workers, len(left)), context) as pool:
        running: dict[Future[Review], _Chunk] = {}
        try:
            for chunk in left:
                running[pool.submit(_chunk, chunk, work, str(folder))] = chunk
        except BrokenProcessPool:
            pass  # what was not submitted stays for the next round
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                chunk = running.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    continue
                chunk.clear()
                yield result


@contextlib.contextmanager
def _pool(workers: int, context: BaseContext) -> Iterator[ProcessPoolExecutor]:
    """A pool that does not begin anything more once its user has given up."""
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_born, initargs=(custom.in_use(),))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _born(sources: custom.Sources) -> None:
    """In each new worker: Ctrl-C is for the parent to hear; rules that are not of the package are brought along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if custom.in_use() != sources:
        custom.use(sources)


def _after_a_loss(left: list[_Chunk], folder: Path) -> tuple[list[_Chunk], list[Target]]:
    """The chunks of which nothing is known, without the targets that were open when the pool broke; and those."""
    begun = set()
    for file in folder.iterdir():
        text = file.read_text(encoding="ascii").strip()
        begun |= {int(text)} if text else set()
        file.unlink()
    rest = [chunk for chunk in left if chunk]
    suspects = [target for chunk in rest for number, target in chunk if number in begun]
    if rest and not suspects:
        # A worker died between two files: nobody to blame, so that everything is tried alone.
        return [], [target for chunk in rest for _, target in chunk]
    kept = [[(number, target) for number, target in chunk if number not in begun] for chunk in rest]
    return [chunk for chunk in kept if chunk], suspects


def _alone(target: Target, work: Work, context: BaseContext) -> Review:
    with _pool(1, context) as pool:
        try:
            return pool.submit(_guarded, target, work).result()
        except BrokenProcessPool:
            return Review(problems=[Problem(target.path, LOST, broken=True)])


def _guarded(target: Target, work: Work) -> Review:
    """One target in a process that is a worker, and so may be ended for its sake."""
    limits.limit_memory()
    with limits.ends_process():
        return work(target)


def _chunk(chunk: _Chunk, work: Work, folder: str) -> Review:
    """Review some files in a process of the pool, where nothing but this runs."""
    result = Review()
    # Trees are allocated in bursts that look like garbage to the collector: its rounds were a fifth of the time.
    gc.disable()
    try:
        with Path(folder, str(os.getpid())).open("w", encoding="ascii") as begun:
            for number, target in chunk:
                _note(begun.fileno(), str(number))
                result.add(_guarded(target, work))
            _note(begun.fileno(), "")
    finally:
        gc.enable()
        if gc.get_count()[0] > GARBAGE_OBJECTS:
            gc.collect()
    return result


def _note(file: int, text: str) -> None:
    # Spaces wipe out what was longer; int() and strip() pass over them.
    os.lseek(file, 0, os.SEEK_SET)
    os.write(file, f"{text:<12}".encode("ascii"))


def _size(target: Target) -> int:
    if target.content is not None:
        return len(target.content)
    try:
        return target.place.stat().st_size
    except OSError:
        return 0
