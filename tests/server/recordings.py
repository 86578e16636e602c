"""Writes flight recordings, as async-profiler does and as nobody should: for what no JDK on a test machine records."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

# (type, field, field's type, holds a constant's number, is an array)
KINDS = {
    1: ("int", ()),
    2: ("long", ()),
    3: ("java.lang.String", ()),
    4: ("boolean", ()),
    10: ("jdk.types.Symbol", (("string", 3, False, False),)),
    11: ("java.lang.Class", (("name", 10, True, False),)),
    12: ("jdk.types.Method", (("type", 11, True, False), ("name", 10, True, False))),
    13: ("jdk.types.StackFrame", (("method", 12, True, False), ("lineNumber", 1, False, False))),
    14: ("jdk.types.StackTrace", (("truncated", 4, False, False), ("frames", 13, False, True))),
    15: ("java.lang.Thread", (("osName", 3, False, False), ("javaName", 3, False, False))),
    16: ("jdk.types.ThreadState", (("name", 3, False, False),)),
    20: (
        "jdk.ExecutionSample",
        (
            ("startTime", 2, False, False),
            ("sampledThread", 15, True, False),
            ("stackTrace", 14, True, False),
            ("state", 16, True, False),
            ("contextId", 2, False, False),
        ),
    ),
    21: (
        "profiler.WallClockSample",
        (
            ("startTime", 2, False, False),
            ("sampledThread", 15, True, False),
            ("stackTrace", 14, True, False),
            ("state", 16, True, False),
            ("samples", 1, False, False),
        ),
    ),
    22: (
        "jdk.ActiveSetting",
        (("id", 2, False, False), ("name", 3, False, False), ("value", 3, False, False)),
    ),
}
SAMPLE, WALL_SAMPLE, SETTING = 20, 21, 22
RUNNABLE, SLEEPING = 1, 2


@dataclass
class Recording:
    """One chunk: a thread "worker", the methods given, stacks of them, and events."""

    compressed: bool = True
    kinds: dict[int, tuple[str, tuple[tuple[str, int, bool, bool], ...]]] = field(
        default_factory=lambda: KINDS
    )
    events: list[bytes] = field(default_factory=list)
    stacks: list[list[str]] = field(default_factory=list)

    def number(self, value: int, size: int = 8) -> bytes:
        """An integer of ``size`` bytes where numbers are not compressed."""
        if not self.compressed:
            return value.to_bytes(size, "big", signed=True)
        out = bytearray()
        value &= (1 << 64) - 1
        for _ in range(8):
            if value < 0x80:
                return bytes([*out, value])
            out.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes([*out, value])

    def text(self, text: str) -> bytes:
        """A text as UTF-8."""
        raw = text.encode()
        return b"\x03" + self.number(len(raw), 4) + raw

    def stack(self, *names: str) -> int:
        """The number of a stack, its functions ``package/Class.method`` root first."""
        self.stacks.append(list(names))
        return len(self.stacks)

    def sample(self, stack: int, state: int = RUNNABLE, context: int = 0) -> None:
        """A sample of the thread in a stack."""
        self.event(SAMPLE, *map(self.number, (5, 1, stack, state, context)))

    def wall_sample(self, stack: int, count: int, state: int = SLEEPING) -> None:
        """As many samples of a wall clock in one."""
        self.event(WALL_SAMPLE, *map(self.number, (5, 1, stack, state)), self.number(count, 4))

    def setting(self, name: str, value: str, kind: int = SAMPLE) -> None:
        """What the recording was told of its events of a type."""
        self.event(SETTING, self.number(kind), self.text(name), self.text(value))

    def event(self, kind: int, *parts: bytes) -> None:
        """An event of any type."""
        body = self.number(kind) + b"".join(parts)
        size = len(body) + 4
        # A size of four bytes is the same number in either form only if it is padded.
        self.events.append(self._size(size) + body)

    def _size(self, size: int) -> bytes:
        if not self.compressed:
            return size.to_bytes(4, "big")
        return bytes(
            [size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14 & 0x7F | 0x80, size >> 21 & 0x7F]
        )

    def build(self) -> bytes:
        """The chunk's bytes. Events come before the constants that they refer to, as they may."""
        self._checkpoint()
        metadata_at = 68 + sum(map(len, self.events))
        self._metadata()
        body = b"".join(self.events)
        size = 68 + len(body)
        flags = int(self.compressed)
        return (
            struct.pack(
                ">4sHHqqqqqqqi",
                b"FLR\0",
                2,
                1,
                size,
                0,
                metadata_at,
                1_700_000_000 * 10**9,
                10**9,
                0,
                10**9,
                flags,
            )
            + body
        )

    def _checkpoint(self) -> None:
        names = sorted({name for stack in self.stacks for name in stack})
        words = sorted({word for name in names for word in name.rpartition(".")[::2]})
        symbols = [self.text(word) for word in words]
        classes = [self.number(words.index(name.rpartition(".")[0]) + 1) for name in names]
        methods = [
            self.number(at + 1) + self.number(words.index(name.rpartition(".")[2]) + 1)
            for at, name in enumerate(names)
        ]
        traces = [
            b"\0"
            + self.number(len(stack), 4)
            + b"".join(self.number(names.index(name) + 1) + self.number(7, 4) for name in reversed(stack))
            for stack in self.stacks
        ]
        pools = {
            10: symbols,
            11: classes,
            12: methods,
            14: traces,
            15: [self.text("native-name") + self.text("worker")],
            16: [self.text("STATE_RUNNABLE"), self.text("STATE_SLEEPING")],
        }
        parts = [self.number(0), self.number(0), self.number(0), b"\0", self.number(len(pools), 4)]
        for kind, constants in pools.items():
            parts += [self.number(kind), self.number(len(constants), 4)]
            parts += [self.number(at) + one for at, one in enumerate(constants, 1)]
        self.event(1, *parts)

    def _metadata(self) -> None:
        strings: list[str] = []

        def string(text: str) -> bytes:
            if text not in strings:
                strings.append(text)
            return self.number(strings.index(text), 4)

        def element(name: str, attributes: dict[str, str], children: list[bytes]) -> bytes:
            pairs = b"".join(string(key) + string(value) for key, value in attributes.items())
            head = string(name) + self.number(len(attributes), 4) + pairs
            return head + self.number(len(children), 4) + b"".join(children)

        classes = []
        for number, (name, fields) in self.kinds.items():
            inner = []
            for called, kind, constant, array in fields:
                given = {"name": called, "class": str(kind)}
                given |= {"constantPool": "true"} if constant else {}
                given |= {"dimension": "1"} if array else {}
                inner.append(element("field", given, []))
            classes.append(element("class", {"id": str(number), "name": name}, inner))
        root = element(
            "root", {}, [element("metadata", {}, classes), element("region", {"locale": "en"}, [])]
        )
        head = [self.number(0), self.number(0), self.number(1), self.number(len(strings), 4)]
        self.event(0, *head, *map(self.text, strings), root)
