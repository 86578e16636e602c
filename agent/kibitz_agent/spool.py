"""The spool: encoded profiles that wait to be sent, in memory, bounded in number and bytes."""

from __future__ import annotations

from kibitz_agent.config import log

MAX_PROFILES = 64
MAX_BYTES = 16 << 20


class Spool:
    """First in, first out. When it is full the oldest profile is dropped and counted: the newest says what is wrong now."""

    def __init__(self, max_profiles: int = MAX_PROFILES, max_bytes: int = MAX_BYTES) -> None:
        """Nothing is allocated before something is held."""
        self.dropped = 0
        self._held: dict[str, bytes] = {}
        self._max_profiles, self._max_bytes = max_profiles, max_bytes

    def __len__(self) -> int:
        """How many profiles wait."""
        return len(self._held)

    @property
    def size_bytes(self) -> int:
        """How many bytes wait."""
        return sum(map(len, self._held.values()))

    def add(self, token: str, body: bytes) -> None:
        """Hold one more; a token that is held already is not held twice."""
        self._held.setdefault(token, body)
        while len(self._held) > self._max_profiles or self.size_bytes > self._max_bytes:
            self.remove(next(iter(self._held)))
            self.dropped += 1
            if self.dropped == 1:
                log.warning("kibitz: profiles are dropped, the collector has been away for too long")

    def first(self) -> tuple[str, bytes]:
        """The oldest, which stays until `remove`; `IndexError` when there is none."""
        try:
            return next(iter(self._held.items()))
        except StopIteration:
            raise IndexError("the spool is empty") from None

    def keep(self) -> None:
        """What waits could not be sent: a spool that outlives its process writes it down now."""

    def adopt(self) -> int:
        """Take over what others have left; how many profiles that were."""
        return 0

    def close(self) -> None:
        """The process ends."""

    def forget(self) -> None:
        """In a forked child: what waits is the parent's to send."""
        self._held.clear()

    def remove(self, token: str) -> None:
        """Let go of one; harmless when it is not held."""
        self._held.pop(token, None)
