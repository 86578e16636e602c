"""Rules that are a table: qualified names of functions, and what to use in their place."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import ClassVar

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule


class CallTable(Rule):
    """Finds calls of the functions in ``table``, whose values say what to use instead."""

    table: ClassVar[dict[str, str]] = {}

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*self.table):
            name = module.qualified_name(call.func) or ""
            yield self.finding(module, call, f"{self.summary} Use {self.table[name]}.")

    @functools.cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(name.replace("()", "").rpartition(".")[2] for name in self.table)

    def wants(self, source: str, words: frozenset[str]) -> bool:
        """Whether any function of the table is named in the file."""
        return bool(self._words & words)
