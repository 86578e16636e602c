"""What tests of the agent share: each sampler, and a watch over what it sees."""

from __future__ import annotations

import functools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from kibitz_agent.aggregator import Aggregator
from kibitz_agent.native import NativeSampler, NativeUnavailableError
from kibitz_agent.profile import Header, Profile
from kibitz_agent.sampler import PythonSampler, Sampler
from kibitz_agent.worker import Worker

PATIENCE_S = 120.0
#: Of the looks that fit into a time, those that it must have been looked at: the lock and other programs take many.
LEAST_SHARE = 0.2
_at_work: list[Watch] = []


def lasting(seconds: float) -> Callable[[], bool]:
    """Whether to go on: ``seconds`` are not over, or the sampler at work has not looked often enough meanwhile."""
    until_s = time.perf_counter() + seconds
    watch = _at_work[-1] if _at_work else None
    wanted = watch.looks + 1 + int(LEAST_SHARE * seconds * 1e9 / watch.interval_ns) if watch else 0

    def goes_on() -> bool:
        late_s = time.perf_counter() - until_s
        return late_s < 0 or (watch in _at_work and watch.looks < wanted and late_s < PATIENCE_S)

    return goes_on


class Watch:
    """A sampler at work on a thread of the agent's, while a ``with`` block runs; `profile` is what it saw.

    ``module``: whose functions are named without it.
    """

    def __init__(
        self, module: str, sampler: Sampler, interval_ns: int = 2_000_000, max_depth: int = 400
    ) -> None:
        self._prefix = f"{module}:"
        self.sampler, self.interval_ns, self.max_depth = sampler, interval_ns, max_depth
        self.profile = Profile()
        self.limits: set[str] = set()
        self._ending = threading.Event()
        self._worker = Worker("sampler", self._watch)

    def __enter__(self) -> Watch:
        _at_work.append(self)
        self._worker.start()
        return self

    def __exit__(self, *error: object) -> None:
        _at_work.remove(self)
        self._ending.set()
        self._worker.join(PATIENCE_S)

    @property
    def looks(self) -> int:
        """How often the sampler has looked so far."""
        return self.sampler.tally().looks

    def _watch(self) -> None:
        aggregator, last_ns = Aggregator(self.sampler), time.monotonic_ns()
        while not self._ending.wait(self.sampler.pace(self.interval_ns, self.max_depth) / 1e9):
            now_ns = time.monotonic_ns()
            aggregator.tick(now_ns - last_ns, self.max_depth)
            last_ns = now_ns
        self.sampler.rest()
        batch = aggregator.cut()
        self.sampler.close()
        self.profile, self.limits = batch.profile(Header()), batch.limits

    def stacks(self, **labels: str) -> Counter[tuple[str, ...]]:
        """How often each stack was seen under these labels: names without the module where it is the test's own."""
        found: Counter[tuple[str, ...]] = Counter()
        for frames, its_labels, values in self.profile.stacks():
            if labels.items() <= dict(its_labels).items():
                found[tuple(frame.name.removeprefix(self._prefix) for frame in frames)] += values[0]
        return found

    def nanoseconds(self, leaf: str, value: str) -> int:
        """What was measured in ``leaf`` and all it called."""
        column = self.profile.value_index(value)
        return sum(
            values[column]
            for frames, _, values in self.profile.stacks()
            if any(frame.name == self._prefix + leaf for frame in frames)
        )


@pytest.fixture(params=["python", "native"])
def sampler(request: pytest.FixtureRequest, lacking: Callable[[str], None]) -> Iterator[Sampler]:
    """Each sampler in turn."""
    if request.param == "python":
        yield PythonSampler()
        return
    try:
        native = NativeSampler()
    except NativeUnavailableError as error:
        lacking(f"the native sampler ({error})")
        raise
    yield native
    native.close()


@pytest.fixture
def watching(request: pytest.FixtureRequest) -> Callable[..., Watch]:
    """Makes a `Watch` of a sampler for the test's module."""
    return functools.partial(Watch, request.module.__name__)
