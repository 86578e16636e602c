"""A session: one unbroken stretch of profiling, as a machine that is turned by whoever owns the thread.

`Session.turn` does what is due (a look at all threads, the end of a period, a rest) and says how long nothing will be.
It waits for nothing and starts nothing, so that a test turns it with a clock of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol

from kibitz_agent.aggregator import Aggregator, Batch
from kibitz_agent.config import Configuration, log
from kibitz_agent.limits import CPU_LIMIT, KILL_SWITCH, MEMORY_LIMIT, CpuLimit, KillSwitch
from kibitz_agent.profile import Header, Overhead
from kibitz_agent.sampler import Sampler
from kibitz_agent.scheduler import Schedule, random_share

CPU_ESTIMATED = "CpuEstimated"
"""In a header's limits: this platform has no CPU clocks per thread, CPU times are shares of the process's."""

SUB_INTERPRETERS = "SubInterpreters"
"""In a header's limits: while there was more than one interpreter, some looks could not be taken."""

_NS = 1_000_000_000
_MEMORY_EVERY_NS = _NS // 5
_REST_S = 10.0
_MAX_THINNING = 64


class Clock(Protocol):
    """The clocks of the module `time`, in nanoseconds; tests bring their own."""

    def monotonic_ns(self) -> int: ...
    def time_ns(self) -> int: ...
    def process_time_ns(self) -> int: ...
    def thread_time_ns(self) -> int: ...


class Outlet(Protocol):
    """Where batches go: `shipping.Shipping`, or a test's list."""

    cpu_ns: int
    memory_bytes: int

    @property
    def is_free(self) -> bool:
        """Whether the batch before has been dealt with."""

    def take(self, batch: Batch, header: Header) -> None:
        """Take over a batch; the header lacks what the identity knows."""

    def ask(self) -> None:
        """Ask the collector for its configuration."""


class Session:
    """Ticks, periods, rests and brakes. ``memory_bytes``: what this process may use, all in all."""

    def __init__(
        self,
        sampler: Sampler,
        configuration: Configuration,
        outlet: Outlet,
        clock: Clock,
        memory_bytes: int,
        kill_switch: KillSwitch | None = None,
        random: Callable[[], float] = random_share,
    ) -> None:
        self.stopped = ""
        """Why sampling was switched off for good; empty while it goes on."""
        self._sampler, self._configuration, self._outlet, self._clock = sampler, configuration, outlet, clock
        self._aggregator = Aggregator(sampler)
        self._memory_bytes = memory_bytes
        self._kill_switch = kill_switch or KillSwitch()
        self._earlier_cpu_ns = 0
        now_ns = clock.monotonic_ns()
        self._schedule = Schedule(configuration.settings.sampling_interval_ns, now_ns, random)
        self._cpu_limit = CpuLimit(self._agent_cpu_ns, now_ns)
        self._thinning = 1
        self._resting = ""
        self._is_old = False
        self._memory_checked_ns = self._began_ns = self._asked_ns = now_ns
        self._last_tick_ns: int | None = None
        self._begin(now_ns)

    def turn(self) -> float:
        """Do what is due; return the seconds until something will be."""
        now_ns = self._clock.monotonic_ns()
        settings = self._configuration.settings
        reason = (
            KILL_SWITCH if self._kill_switch.is_on(now_ns) else "" if settings.should_profile else "collector"
        )
        if reason != self._resting:
            self._rest(reason, now_ns)
        if self._resting or self.stopped:
            self._idle(now_ns, settings.reporting_interval_ns)
            return _REST_S
        interval_ns = int(settings.sampling_interval_ns * self._cpu_limit.stretch * self._thinning)
        self._schedule.change(self._pace(interval_ns, settings.max_stack_depth), now_ns)
        if now_ns >= self._schedule.due_ns:
            self._tick(now_ns, settings.max_stack_depth)
            self._brake(now_ns)
        if now_ns >= self._began_ns + settings.reporting_interval_ns and self._outlet.is_free:
            self.flush()
        return self._seconds_until_due(self._began_ns + settings.reporting_interval_ns)

    def _pace(self, interval_ns: int, max_depth: int) -> int:
        """How often `_tick` is wanted: by the sampler, and by what waits off the threads, but never more than was asked."""
        every_ns, wanted_ns = self._sampler.pace(interval_ns, max_depth), self._aggregator.wanted_every_ns
        return every_ns if wanted_ns is None else min(every_ns, max(interval_ns, wanted_ns))

    def _seconds_until_due(self, period_end_ns: int) -> float:
        now_ns, due_ns = self._clock.monotonic_ns(), self._schedule.due_ns
        # Past its end the period waits for a busy outlet; the next tick looks again.
        next_ns = min(due_ns, period_end_ns) if period_end_ns > now_ns else due_ns
        return max(0, next_ns - now_ns) / _NS

    def _idle(self, now_ns: int, every_ns: int) -> None:
        """While nothing is sampled: ask now and then whether that is still so, and let go of what is left."""
        if now_ns >= self._asked_ns + every_ns:
            self._asked_ns = now_ns
            self._outlet.ask()
        if self.stopped and self._outlet.is_free:
            self.flush()

    def flush(self) -> None:
        """End the period now and hand over what was seen; nothing is handed over if nothing was."""
        now_ns = self._clock.monotonic_ns()
        if self._aggregator.ticks:
            memory_bytes = max(self._peak_bytes, self._aggregator.memory_bytes)
            batch, self._is_old = self._aggregator.cut(), True
            self._outlet.take(batch, self._header(now_ns, batch, memory_bytes))
        self._begin(now_ns)

    def finish(self) -> None:
        """The last flush. A session that was too short for its first look takes it now."""
        if not self._is_old and not self._resting and not self.stopped and not self._aggregator.ticks:
            self._sampler.rest()
            self._tick(self._clock.monotonic_ns(), self._configuration.settings.max_stack_depth)
        self.flush()

    def _begin(self, now_ns: int) -> None:
        self._began_ns = self._asked_ns = now_ns
        # It began at ``now_ns``, however long handing over the last period has taken since.
        self._began_time_ns = self._clock.time_ns() - (self._clock.monotonic_ns() - now_ns)
        self._began_cpu_ns, self._began_process_ns = self._agent_cpu_ns, self._clock.process_time_ns()
        self._began_tally, self._began_missed = self._sampler.tally(), self._schedule.missed_ticks
        self._peak_bytes = 0

    def pause(self) -> None:
        """Look no more until `turn` is called again, which may be on another thread: for the length of a fork."""
        self._sampler.rest()
        self._earlier_cpu_ns += self._clock.thread_time_ns()
        self._last_tick_ns = None
        self._schedule.rest(self._clock.monotonic_ns())

    def close(self) -> None:
        """End the sampler; what was not flushed is lost."""
        self._aggregator.close()
        self._sampler.close()

    @property
    def _agent_cpu_ns(self) -> int:
        own_ns = self._earlier_cpu_ns + self._clock.thread_time_ns()
        return own_ns + self._outlet.cpu_ns + self._sampler.tally().cpu_ns

    def _tick(self, now_ns: int, max_depth: int) -> None:
        last_ns = self._last_tick_ns
        elapsed_ns = self._schedule.interval_ns if last_ns is None else now_ns - last_ns
        self._last_tick_ns = now_ns
        self._aggregator.tick(elapsed_ns, max_depth)
        self._schedule.kept(self._clock.monotonic_ns())

    def _brake(self, now_ns: int) -> None:
        percents = self._configuration.settings
        if self._cpu_limit.judge(self._agent_cpu_ns, now_ns, percents.cpu_limit_percent):
            self._aggregator.limits.add(CPU_LIMIT)
        if now_ns - self._memory_checked_ns < _MEMORY_EVERY_NS:
            return
        self._memory_checked_ns = now_ns
        limit_bytes = self._memory_bytes * percents.memory_limit_percent // 100
        used_bytes = self._aggregator.memory_bytes + self._outlet.memory_bytes
        self._peak_bytes = max(self._peak_bytes, used_bytes)
        if used_bytes <= limit_bytes // 2:
            self._thinning = 1
            if self._sampler.is_crowded and self._outlet.is_free:
                self.flush()
            return
        # As columns of a profile the same samples take a tenth of the memory.
        self._aggregator.limits.add(MEMORY_LIMIT)
        if self._outlet.is_free:
            self.flush()
        elif used_bytes > limit_bytes:
            self._stop(f"{MEMORY_LIMIT}: the agent holds {used_bytes} bytes, {limit_bytes} are allowed")
        else:
            # Nobody takes it now: look more rarely until someone does.
            self._thinning = min(_MAX_THINNING, 2 * self._thinning)

    def _stop(self, reason: str) -> None:
        self.stopped = reason
        self._sampler.rest()
        self._aggregator.discard()
        # One last look, so that there is a profile to say why it is the last.
        self._aggregator.tick(self._schedule.interval_ns, self._configuration.settings.max_stack_depth)
        self._aggregator.limits.add(MEMORY_LIMIT)
        log.warning("kibitz stops sampling: %s", reason)

    def _rest(self, reason: str, now_ns: int) -> None:
        """Begin or end a rest. What was seen before the collector said no is not for the collector."""
        if reason:
            self._sampler.rest()
            if reason == KILL_SWITCH:
                self.flush()
            self._aggregator.discard()
            log.info("kibitz rests: %s", reason)
        self._resting = reason
        self._last_tick_ns = None
        self._schedule.rest(now_ns)
        self._begin(now_ns)

    def _header(self, now_ns: int, batch: Batch, memory_bytes: int) -> Header:
        ticks, limits = batch.ticks, set(batch.limits)
        began, tally = self._began_tally, self._sampler.tally()
        if self._sampler.estimates_cpu:
            limits.add(CPU_ESTIMATED)
        if tally.blind > began.blind:
            limits.add(SUB_INTERPRETERS)
        duration_ns = now_ns - self._began_ns
        # The end is measured on the monotonic clock: the wall clock may have been set back meanwhile.
        return Header(
            start_ns=self._began_time_ns,
            end_ns=self._began_time_ns + duration_ns,
            interval_ns=duration_ns // ticks if ticks else 0,
            runtime=f"CPython {'.'.join(map(str, sys.version_info[:3]))}",
            sampler=self._sampler.name,
            process_cpu_ns=max(0, self._clock.process_time_ns() - self._began_process_ns),
            overhead=Overhead(
                cpu_ns=max(0, self._agent_cpu_ns - self._began_cpu_ns),
                memory_bytes=memory_bytes,
                ticks=ticks,
                missed_ticks=self._schedule.missed_ticks - self._began_missed + tally.missed - began.missed,
                dropped_samples=tally.dropped - began.dropped,
                retries=tally.retries - began.retries,
            ),
            limits=tuple(sorted(limits)),
        )
