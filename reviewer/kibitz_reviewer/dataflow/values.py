"""What the data flow knows of a value: who controls it, which constants it may be, what it refers to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from kibitz_reviewer.finding import Step

if TYPE_CHECKING:
    from kibitz_reviewer.dataflow.program import ClassInfo, FunctionInfo

MAX_CONSTANTS = 6
MAX_TAINTS = 8
MAX_REFS = 8
MAX_STEPS = 12
EVERY_KIND = "*"


@dataclass(frozen=True, slots=True)
class Taint:
    """Control by an outsider: the source's label and place, the kinds it was made harmless for, the way so far.

    The way is no part of its identity, so that loops come to rest.
    """

    label: str
    source: Step
    clean: frozenset[str] = frozenset()
    steps: tuple[Step, ...] = field(default=(), compare=False)

    def harms(self, kind: str) -> bool:
        """Whether this can do harm of ``kind``."""
        return kind not in self.clean and EVERY_KIND not in self.clean


@dataclass(frozen=True, slots=True)
class External:
    """Something from outside the reviewed files, by its qualified name (``flask.request.args``)."""

    name: str


@dataclass(frozen=True, slots=True)
class FunctionRef:
    """A function of the program: ``frame`` is the closure it was made in (0: none), ``bound`` its ``self``."""

    info: FunctionInfo
    frame: int = 0
    bound: Value | None = None


@dataclass(frozen=True, slots=True)
class ClassRef:
    """A class of the program."""

    info: ClassInfo


@dataclass(frozen=True, slots=True)
class ModuleRef:
    """A module of the program, by path."""

    path: str


@dataclass(frozen=True, slots=True)
class ImportRef:
    """A global of another file, looked up there when it is first used: most imports never are."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An object made by the program; its contents are on the heap under this key."""

    key: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class PartialRef:
    """``functools.partial``: a callable with its first arguments given."""

    function: Value
    args: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...]


Ref: TypeAlias = External | FunctionRef | ClassRef | ModuleRef | ImportRef | ObjectRef | PartialRef


class Value:
    """An abstract value; never changed once made.

    ``constants`` is None if the value is not one of a few known constants. ``prefix`` is the text it surely begins with.
    ``unknown``: something of it comes from where the analysis does not see.
    """

    __slots__ = ("constants", "prefix", "refs", "taints", "unknown")

    def __init__(
        self,
        taints: frozenset[Taint] = frozenset(),
        constants: tuple[Any, ...] | None = None,
        refs: frozenset[Ref] = frozenset(),
        prefix: str = "",
        unknown: bool = False,
    ) -> None:
        self.taints = taints
        self.constants = constants
        self.refs = refs
        self.prefix = prefix
        self.unknown = unknown

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Value)
            and self.taints == other.taints
            and self.refs == other.refs
            and self.prefix == other.prefix
            and self.unknown == other.unknown
            and same_constants(self.constants, other.constants)
        )

    def __hash__(self) -> int:
        return hash((self.taints, self.refs, self.prefix))

    @property
    def constant(self) -> Any:
        """The one constant it is; ``NOTHING`` if it is none or may be several."""
        return self.constants[0] if self.constants is not None and len(self.constants) == 1 else NOTHING

    def with_step(self, step: Step) -> Value:
        """The same value, one step further on its way."""
        if not self.taints:
            return self
        taints = frozenset(
            Taint(t.label, t.source, t.clean, (*t.steps, step) if len(t.steps) < MAX_STEPS else t.steps)
            for t in self.taints
        )
        return Value(taints, self.constants, self.refs, self.prefix, self.unknown)

    def cleaned(self, kinds: Iterable[str]) -> Value:
        """The same value, made harmless for ``kinds``."""
        if not self.taints:
            return self
        extra = frozenset(kinds)
        if EVERY_KIND in extra:
            return Value(frozenset(), self.constants, self.refs, self.prefix)
        taints = frozenset(Taint(t.label, t.source, t.clean | extra, t.steps) for t in self.taints)
        return Value(taints, self.constants, self.refs, self.prefix, self.unknown)


class _Nothing:
    """No constant at all; told apart from None, which is one."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING = _Nothing()
UNKNOWN = Value(unknown=True)
HARMLESS = Value()
NONE = Value(constants=(None,))


def of_constant(value: object) -> Value:
    """The value of a literal."""
    return Value(constants=(value,), prefix=value if isinstance(value, str) else "")


def external(name: str) -> Value:
    """The value that a qualified name from outside stands for."""
    return Value(refs=frozenset((External(name),)), unknown=True)


def same_constants(a: tuple[Any, ...] | None, b: tuple[Any, ...] | None) -> bool:
    """Equal, with True and 1 told apart."""
    if a is None or b is None:
        return a is b
    return len(a) == len(b) and all(type(x) is type(y) and x == y for x, y in zip(a, b, strict=True))


def join(a: Value, b: Value) -> Value:
    """What is true of a value that is ``a`` or ``b``."""
    if a is b:
        return a
    taints = a.taints | b.taints if a.taints and b.taints else a.taints or b.taints
    if len(taints) > MAX_TAINTS:
        taints = frozenset(sorted(taints, key=lambda t: (t.source.line, t.source.column))[:MAX_TAINTS])
    refs = a.refs | b.refs if a.refs and b.refs else a.refs or b.refs
    unknown = a.unknown or b.unknown
    if len(refs) > MAX_REFS:
        refs, unknown = frozenset(), True
    prefix = a.prefix if a.prefix == b.prefix else _common_start(a.prefix, b.prefix)
    return Value(taints, _joint_constants(a.constants, b.constants), refs, prefix, unknown)


def _joint_constants(a: tuple[Any, ...] | None, b: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    if a is None or b is None:
        return None
    result = list(a)
    for each in b:
        if not any(type(each) is type(x) and each == x for x in result):
            result.append(each)
    return tuple(result) if len(result) <= MAX_CONSTANTS else None


def _common_start(a: str, b: str) -> str:
    length = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        length += 1
    return a[:length]


def join_all(values: Iterable[Value]) -> Value:
    """The join of many; of none at all a harmless value."""
    result: Value | None = None
    for value in values:
        result = value if result is None else join(result, value)
    return HARMLESS if result is None else result


def mixed(values: Iterable[Value]) -> Value:
    """A new value made out of others: their taints, none of their constants or identities."""
    taints: frozenset[Taint] = frozenset()
    unknown = False
    for value in values:
        if value.taints:
            taints = taints | value.taints if taints else value.taints
        unknown = unknown or value.unknown
    if not taints:
        return UNKNOWN if unknown else HARMLESS
    return Value(taints, unknown=unknown)
