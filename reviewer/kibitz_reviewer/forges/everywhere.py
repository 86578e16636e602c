"""For forges that take a comment on any line of a changed file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


class Everywhere(Mapping[int, int]):
    """Every line there can be, all in one hunk."""

    def __getitem__(self, line: int) -> int:
        return 0

    def __contains__(self, line: object) -> bool:
        return isinstance(line, int) and line > 0

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0


EVERYWHERE = Everywhere()
