"""Guards against labels that take ever new values: the excess is folded into one value and counted, never refused."""

from __future__ import annotations

from dataclasses import dataclass

from kibitz_agent.profile import Labels

OTHER = "__other__"


@dataclass(frozen=True, slots=True)
class CardinalityLimits:
    """The most that one group may have: values of a label, labels, characters of a value."""

    values: int = 1000
    keys: int = 30
    length: int = 1024


DEFAULT_LIMITS = CardinalityLimits()


class Cardinality:
    """The label values that a group has, and how many were folded since this process began."""

    def __init__(self, limits: CardinalityLimits = DEFAULT_LIMITS) -> None:
        self.folds = 0
        self._limits = limits
        self._values: dict[str, set[str]] = {}

    def count(self, key: str) -> int:
        """How many values a label has."""
        return len(self._values.get(key, ()))

    def learn(self, labels: Labels) -> None:
        """Take in labels that the store holds already, whatever the limits."""
        for key, value in labels:
            self._values.setdefault(key, set()).add(value)

    def forget(self) -> None:
        """Know no label any more; what was folded stays counted."""
        self._values.clear()

    def folded(self, labels: Labels) -> Labels:
        """The labels with values beyond the limits replaced; labels beyond the number of keys become one."""
        if all(value in self._values.get(key, ()) for key, value in labels):
            return labels
        kept: dict[str, str] = {}
        for key, value in labels:
            if key not in self._values and len(self._values) >= self._limits.keys:
                key, value = OTHER, OTHER
                self.folds += 1
            known = self._values.setdefault(key, set())
            if value not in known:
                if len(known) >= self._limits.values or len(value) > self._limits.length:
                    value = OTHER
                    self.folds += 1
                known.add(value)
            kept[key] = value
        return tuple(sorted(kept.items()))
