"""Shipping: turns batches into profiles and hands them to the reporter, away from the sampler's thread.

Profiles shorter than the minimum wait here and join the next one. One thread runs `Shipping.run`; the others only put
jobs into its queue, which never blocks, not even in a signal handler.
"""

from __future__ import annotations

import os
from _queue import SimpleQueue  # the one that no host has patched
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import kibitz_agent
from kibitz_agent.aggregator import Batch
from kibitz_agent.blobs import Blobs
from kibitz_agent.config import Configuration, log
from kibitz_agent.fleet import Identity
from kibitz_agent.profile import Header, Overhead, Profile, merge
from kibitz_agent.reporters import Reporter, ReportError
from kibitz_agent.session import Clock

if TYPE_CHECKING:
    from kibitz_agent.heap import HeapSummary

# A pending profile larger than this is sent although it is short.
_MAX_PENDING_BYTES = 4 << 20


def _PAUSE() -> None:  # noqa: N802 - a constant that is a job
    """The job that makes `Shipping.run` return."""


class Shipping:
    """A queue of jobs and what is done with each. ``woken`` is called when the settings may have changed."""

    def __init__(
        self,
        reporter: Reporter,
        identity: Identity,
        configuration: Configuration,
        clock: Clock,
        woken: Callable[[], None] = lambda: None,
    ) -> None:
        self.cpu_ns = 0
        """CPU time of the shipping thread so far."""
        self.memory_bytes = 0
        """What the pending profile occupies."""
        self._reporter, self._identity, self._configuration = reporter, identity, configuration
        self._clock, self._woken = clock, woken
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._jobs_in = self._jobs_done = 0
        self._pending: Profile | None = None
        self._pending_ns = 0
        self._logged: set[str] = set()
        self._blobs = Blobs()
        self._earlier_cpu_ns = 0

    @property
    def is_free(self) -> bool:
        """Whether every job put in has been done."""
        return self._jobs_in == self._jobs_done

    def take(self, batch: Batch, header: Header) -> None:
        """Put in a batch; it is reported, or kept if it is too short."""
        self._put(lambda: self._report(batch, header))

    def ask(self) -> None:
        """Put in a question to the collector for its configuration."""
        if self.is_free:
            self._put(self._configure)

    def send(self) -> None:
        """Put in the report of whatever is pending, however short."""
        self._put(self._report_pending)

    def end(self) -> None:
        """Put in the last job: report whatever is pending, however short, and end `run`."""
        self.send()
        self._jobs.put(None)

    def pause(self) -> None:
        """Have `run` return once the jobs before this one are done; it may be called again, on another thread."""
        self._jobs.put(_PAUSE)

    def run(self) -> None:
        """Do jobs until `end` or `pause`. No failure of a reporter ends it."""
        while (job := self._jobs.get()) is not None and job is not _PAUSE:
            self.do(job)
        self._earlier_cpu_ns = self.cpu_ns

    def do_all(self) -> None:
        """Do the jobs that are there and return: `run` for tests and for single-threaded use."""
        while not self._jobs.empty():
            if (job := self._jobs.get()) is not None:
                self.do(job)

    def do(self, job: Callable[[], None]) -> None:
        """Do one job, whatever it raises."""
        try:
            job()
        except ReportError as error:
            self._log_once(f"a profile could not be reported: {error}")
        except Exception as error:
            self._log_once(f"reporting failed unexpectedly: {type(error).__name__}: {error}")
        finally:
            self._jobs_done += 1
            self.cpu_ns = self._earlier_cpu_ns + self._clock.thread_time_ns()

    def _put(self, job: Callable[[], None]) -> None:
        self._jobs_in += 1
        self._jobs.put(job)

    def _configure(self) -> None:
        answer = self._reporter.configure()
        if answer is not None:
            self._configuration.accept(answer)
            self._woken()

    def _report(self, batch: Batch, header: Header) -> None:
        identity = self._identity
        profile = batch.profile(
            replace(
                header,
                group=identity.group,
                instance=identity.instance,
                process_id=identity.process_id,
                revision=identity.revision,
                host=identity.host,
                agent_version=kibitz_agent.__version__,
                token=_token(),
            )
        )
        self._pending_ns += profile.header.duration_ns
        self._pending = profile if self._pending is None else join(self._pending, profile)
        self.memory_bytes = _profile_bytes(self._pending)
        if (
            self._pending_ns >= self._configuration.settings.minimum_reporting_ns
            or self.memory_bytes > _MAX_PENDING_BYTES
        ):
            self._report_pending()
        self._configure()

    def _report_pending(self) -> None:
        profile, self._pending = self._pending, None
        self._pending_ns = self.memory_bytes = 0
        if profile is not None and profile.sample_node:
            header = replace(profile.header, blobs=self._blobs.of(profile), heap=self._heap())
            self._reporter.report(profile.with_header(header))

    def _heap(self) -> HeapSummary | None:
        settings = self._configuration.settings
        if not settings.heap_summary:
            return None
        from kibitz_agent import census

        return census.take(settings.heap_pause_limit_ms * 1_000_000)

    def _log_once(self, text: str) -> None:
        if text not in self._logged and len(self._logged) < 32:
            self._logged.add(text)
            log.warning("kibitz: %s", text)


def join(first: Profile, second: Profile) -> Profile:
    """Two profiles of one agent as one: values and costs add up, limits unite, the later token stays."""
    a, b = first.header, second.header
    ticks = a.overhead.ticks + b.overhead.ticks
    weighted_ns = a.interval_ns * a.overhead.ticks + b.interval_ns * b.overhead.ticks
    header = replace(
        b,
        start_ns=min(a.start_ns, b.start_ns),
        end_ns=max(a.end_ns, b.end_ns),
        interval_ns=weighted_ns // ticks if ticks else b.interval_ns,
        process_cpu_ns=a.process_cpu_ns + b.process_cpu_ns,
        overhead=Overhead(
            cpu_ns=a.overhead.cpu_ns + b.overhead.cpu_ns,
            memory_bytes=max(a.overhead.memory_bytes, b.overhead.memory_bytes),
            ticks=ticks,
            missed_ticks=a.overhead.missed_ticks + b.overhead.missed_ticks,
            dropped_samples=a.overhead.dropped_samples + b.overhead.dropped_samples,
            retries=a.overhead.retries + b.overhead.retries,
        ),
        limits=tuple(sorted({*a.limits, *b.limits})),
    )
    return merge([first, second], header)


def _profile_bytes(profile: Profile) -> int:
    columns = (profile.frame_name, profile.node_parent, profile.sample_node)
    return (
        12 * len(columns[0])
        + 12 * len(columns[1])
        + 32 * len(columns[2])
        + sum(map(len, profile.strings)) * 2
    )


def _token() -> str:
    """A random UUID, as the collector and AWS's API want it."""
    import uuid

    return str(uuid.UUID(bytes=os.urandom(16), version=4))
