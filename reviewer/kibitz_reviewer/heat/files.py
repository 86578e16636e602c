"""Heat from a file, for CI without a collector: collapsed stacks (``main;shop.cart:add 42``) or pprof."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from kibitz_reviewer.heat import HeatFileError, HeatProfile, Hot
from kibitz_reviewer.heat.pprof import PprofError, stacks_of

MAX_BYTES = 500_000_000
Stacks = Iterable[tuple[Sequence[tuple[str, str]], int]]
"""Stacks as (name, file) of each function, in any order, with their weight."""


def load(path: Path) -> HeatProfile:
    """The profile in ``path``. Raises ``HeatFileError``."""
    try:
        content = _plain(path.read_bytes())
        measure, stacks = stacks_of(content) if b"\0" in content[:4096] else ("the time", _collapsed(content))
    except (OSError, EOFError, ValueError, zlib.error, PprofError) as error:
        raise HeatFileError(f"{path}: expected collapsed stacks or pprof: {error}") from None
    return HeatProfile(f"the profile {path.name}", _functions(stacks), measure)


def _plain(content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    unpacked = zlib.decompressobj(16 + zlib.MAX_WBITS)
    plain = unpacked.decompress(content, MAX_BYTES)
    if unpacked.unconsumed_tail:
        raise ValueError(f"more than {MAX_BYTES} bytes unpacked")
    return plain


def _functions(stacks: Stacks) -> list[Hot]:
    totals: Counter[tuple[str, str]] = Counter()
    whole = 0
    for stack, weight in stacks:
        whole += weight
        for function in set(stack):  # recursion counts once
            totals[function] += weight
    if not whole:
        raise HeatFileError("the profile has no samples")
    return [Hot(name, file, total / whole) for (name, file), total in totals.items()]


def _collapsed(content: bytes) -> Stacks:
    found = []
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        stack, _, weight = line.rstrip().rpartition(" ")
        if not stack:
            continue
        if not weight.isdecimal():
            raise ValueError(f"line {number} ends in {weight[:40]!r}, not in a number")
        found.append(([(name, "") for name in stack.split(";")], int(weight)))
    return found
