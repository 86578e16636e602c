"""Collapsed stacks: a line per stack, ``outermost;...;innermost 42``, weight in samples (else the first value)."""

from __future__ import annotations

import re

from kibitz_agent.profile import Profile

# What would end a line or a frame, or hide in a terminal: line ends of every sort, controls, lone surrogates.
_UNSAFE = re.compile("[\\x00-\\x1f;\\x7f-\\x9f\u2028\u2029\ud800-\udfff]")


def encode(profile: Profile) -> bytes:
    """UTF-8 text, lines sorted. In names ``;`` is written ``\\x3b`` and control characters ``\\xNN`` or ``\\uNNNN``."""
    names = [escaped(profile.strings[index]) for index in profile.frame_name]
    weights = _weights(profile)
    stacks: dict[str, int] = {}
    for node, weight in weights.items():
        if weight:
            line = ";".join(names[profile.node_frame[at]] for at in profile.path(node))
            stacks[line] = stacks.get(line, 0) + weight
    return "".join(f"{line} {weight}\n" for line, weight in sorted(stacks.items())).encode()


def _weights(profile: Profile) -> dict[int, int]:
    names = [kind.name for kind in profile.value_types]
    column = profile.values[names.index("samples") if "samples" in names else 0]
    weights: dict[int, int] = {}
    for node, weight in zip(profile.sample_node, column, strict=True):
        weights[node] = weights.get(node, 0) + weight
    return weights


def escaped(name: str) -> str:
    """The name with what could break a line, or play with a terminal, written out."""
    return _UNSAFE.sub(_escape, name) or "(unnamed)"


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
