"""A day of a busy service on a clock of the test's own: threads, code and names come and go, and the agent's memory stays flat."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Mapping
from types import FrameType
from typing import Any

from kibitz_agent.config import Configuration, log
from kibitz_agent.fleet import Identity
from kibitz_agent.limits import KillSwitch
from kibitz_agent.profile import Profile
from kibitz_agent.sampler import PythonSampler
from kibitz_agent.session import Session
from kibitz_agent.shipping import Shipping

S = 1_000_000_000
HOUR_S = 3600


class Clock:
    def __init__(self) -> None:
        self.now_ns = 1000 * S

    def monotonic_ns(self) -> int:
        return self.now_ns

    def time_ns(self) -> int:
        return 1_700_000_000 * S + self.now_ns

    def process_time_ns(self) -> int:
        return self.now_ns // 3

    def thread_time_ns(self) -> int:
        return self.now_ns // 10_000


class Service:
    """A dozen threads at changing places of code that is replaced every hour; threads are named after what they do."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.hour, self.looks = clock, -1, 0
        self.stacks: list[Any] = []

    def frames(self) -> dict[int, FrameType]:
        hour = self.clock.now_ns // S // HOUR_S
        if hour != self.hour:
            self.hour = hour
            self.stacks = [self.code(f"handler_{hour}_{number}") for number in range(60)]
        self.looks += 1
        # A thread in ten goes and another one comes.
        return {
            10_000 * (thread % 10 == 0) * self.looks + thread + 1: self.stacks[
                (self.looks * 7 + thread) % 60
            ].gi_frame
            for thread in range(12)
        }

    @staticmethod
    def code(name: str) -> Any:
        scope: dict[str, Any] = {"__name__": "service"}
        exec(f"def {name}():\n    yield 1\n    yield 2\n", scope)
        started = scope[name]()
        next(started)
        return started

    def name(self, ident: int) -> str:
        return f"request-{ident}"


class Collector:
    """Takes profiles, and counts them; away for two hours of the day."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.reports, self.samples = clock, 0, 0

    def configure(self) -> Mapping[str, object] | None:
        return {"shouldProfile": True, "agentParameters": {"MaxStackDepth": str(100 + self.reports % 3)}}

    def report(self, profile: Profile) -> None:
        hour = self.clock.now_ns // S // HOUR_S
        if 8 <= hour < 10:
            raise OSError("away")
        self.reports += 1
        self.samples += profile.total("samples")

    def close(self, timeout_s: float) -> None:
        pass


def test_memory_is_flat_over_a_day_in_which_everything_changes_but_the_load():
    clock = Clock()
    service, collector = Service(clock), Collector(clock)
    sampler = PythonSampler(
        current_frames=service.frames,
        clock_of=lambda ident: None,
        name_of=service.name,
        process_time_ns=clock.process_time_ns,
    )
    configuration = Configuration({"sampling_interval_ms": 5000}, {})
    shipping = Shipping(collector, Identity("day"), configuration, clock)
    session = Session(sampler, configuration, shipping, clock, 1 << 30, KillSwitch({}), lambda: 0.5)
    begun_ns, held = clock.now_ns, []
    log.warning("a line, so that what logging keeps from its first one is there before memory is counted")
    tracemalloc.start()
    try:
        for hour in range(1, 25):
            while clock.now_ns < begun_ns + hour * HOUR_S * S:
                wait_ns = int(session.turn() * S)
                clock.now_ns += max(1, wait_ns)
                shipping.do_all()
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
        session.close()
    assert service.looks >= 24 * HOUR_S / 5 * 0.99
    # Every five minutes, but for the two hours.
    assert 22 * 12 - 3 <= collector.reports <= 22 * 12 + 3
    assert collector.samples > 22 * HOUR_S / 5 * 11
    early, late = max(held[2:6]), max(held[-4:])
    assert late < early * 1.05 + 64 * 1024, held
