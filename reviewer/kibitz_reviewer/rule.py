"""A rule: one file that knows one pattern, explains it, and proves itself by its examples.

A rule lives in ``rules/<category>/<pattern>.py`` and is a class of the file's name (``mutable_default.py`` holds
``MutableDefault``). Its id comes from the file name (``mutable-default``), its category from the folder, its
documentation from the docstring, whose first line is the summary. There is no second list: the package is walked.
"""

from __future__ import annotations

import enum
import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar

from kibitz_reviewer.finding import Confidence, Finding, Severity

if TYPE_CHECKING:
    import ast

    import libcst as cst

    from kibitz_reviewer.engines.index import Module
    from kibitz_reviewer.fixes import Repair
    from kibitz_reviewer.manifest import Manifest

__all__ = [
    "Applicability",
    "Confidence",
    "Finding",
    "Rule",
    "Severity",
    "all_rules",
    "install",
    "rule_in",
    "rule_named",
]

RULES = "kibitz_reviewer.rules"
MARK = "# finding"
_IDENTIFIER = re.compile(r"[^\W\d]\w*\Z")


class Applicability(enum.Enum):
    """How a rule's fix may be applied: ``SAFE`` keeps behaviour, ``SUGGESTED`` wants a reader first."""

    SAFE = "safe"
    SUGGESTED = "suggested"


class Rule:
    """What every rule says about itself, and the one method that looks.

    Attributes:
        severity, confidence: how much it matters, and how sure the rule is.
        cwe: weakness numbers, e.g. ``(89,)``.
        aliases: published detector ids the rule covers, e.g. ``"python/sql-injection@v1.0"``.
        triggers: a file is looked at only if one of these occurs in it: an identifier or keyword as a whole word,
            anything else as plain text. Empty: every file is looked at.
        noncompliant, compliant: example sources; in a noncompliant one each line of a finding ends in ``# finding``,
            and the findings' first lines must equal the marks exactly. At least one and two of them.
        supersedes: ids of rules that say less of the same: their findings on the lines of this one's are dropped.
        reaches: it finds what a file does by way of those that it imports, so that its words need not stand in the file itself.
        across: it compares files with each other: ``check`` sees the clones within one, a review asks it once for all.
        fix: set when ``repair`` can remove the finding; ``fix_title`` says what it does ("Use yaml.safe_load").
    """

    id: ClassVar[str] = ""
    category: ClassVar[str] = ""
    severity: ClassVar[Severity] = Severity.MEDIUM
    confidence: ClassVar[Confidence] = Confidence.HIGH
    cwe: ClassVar[tuple[int, ...]] = ()
    aliases: ClassVar[tuple[str, ...]] = ()
    triggers: ClassVar[tuple[str, ...]] = ()
    noncompliant: ClassVar[tuple[str, ...]] = ()
    compliant: ClassVar[tuple[str, ...]] = ()
    supersedes: ClassVar[tuple[str, ...]] = ()
    across: ClassVar[bool] = False
    reaches: ClassVar[bool] = False
    fix: ClassVar[Applicability | None] = None
    fix_title: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        package, _, name = cls.__module__.rpartition(".")
        cls.id = name.replace("_", "-")
        cls.category = package.rpartition(".")[2]

    @property
    def summary(self) -> str:
        """The docstring's first line."""
        return self.help.partition("\n")[0]

    @property
    def help(self) -> str:
        """The whole docstring, unindented."""
        return inspect.cleandoc(type(self).__doc__ or "")

    @property
    def name(self) -> str:
        """The id in words: ``Mutable default``."""
        return self.id.replace("-", " ").capitalize()

    def check(self, module: Module) -> Iterator[Finding]:
        """Yield a finding (``self.finding(module, node, message)``) for each place of ``module`` the rule objects to."""
        raise NotImplementedError

    def check_manifest(self, manifest: Manifest) -> Iterator[Finding]:  # noqa: ARG002 - most rules are about Python
        """Yield a finding (``manifest.finding(self, line, message)``) for each line of a requirements file or pyproject.toml."""
        return iter(())

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        """The node to put in the place of ``node``, the libcst twin of the finding's node (or of its ``anchor``).

        None if this one cannot be repaired. ``repair.add_import("module")`` and ``repair.add_import("module", "name")``
        see to imports. Called only if ``fix`` is set.
        """
        raise NotImplementedError

    def finding(
        self,
        module: Module,
        node: ast.AST,
        message: str,
        *,
        anchor: ast.AST | None = None,
        severity: Severity | None = None,
        confidence: Confidence | None = None,
    ) -> Finding:
        """A finding of this rule at ``node``; ``anchor`` is the node that ``repair`` replaces, if it is another."""
        span = module.span(node)
        target = node if anchor is None else anchor
        return Finding(
            rule=self.id,
            path=module.path,
            line=span.line,
            column=span.column,
            end_line=span.end_line,
            end_column=span.end_column,
            message=message,
            severity=self.severity if severity is None else severity,
            category=self.category,
            confidence=self.confidence if confidence is None else confidence,
            cwe=self.cwe,
            scope=module.scope_name(node),
            snippet=module.text(span),
            source_line=module.line(span.line),
            anchor=(type(target).__name__, *module.position(target)) if self.fix else None,
        )

    def wants(self, source: str, words: frozenset[str]) -> bool:
        """Whether a file of this text, whose words are ``words``, can hold a finding at all."""
        if not self.triggers:
            return True
        return any(t in words if _IDENTIFIER.match(t) else t in source for t in self.triggers)


def all_rules() -> tuple[Rule, ...]:
    """Every rule of the package ``rules``, by category and id, and those that were installed."""
    return (*_built_in(), *_installed)


def install(rules: Iterable[Rule]) -> None:
    """Let ``rules`` count beside those of the package, in the place of any that were installed before."""
    _installed[:] = rules
    rules_named.cache_clear()
    rule_named.cache_clear()


_installed: list[Rule] = []


@functools.cache
def _built_in() -> tuple[Rule, ...]:
    package = importlib.import_module(RULES)
    modules = pkgutil.walk_packages(package.__path__, prefix=RULES + ".")
    found = [rule_in(importlib.import_module(info.name)) for info in modules if not info.ispkg]
    return tuple(sorted(found, key=lambda rule: (rule.category, rule.id)))


@functools.cache
def rule_named(identifier: str) -> Rule | None:
    """The rule of that id or alias (with or without its version), or None."""
    return next(iter(rules_named(identifier)), None)


@functools.cache
def rules_named(identifier: str) -> tuple[Rule, ...]:
    """The rule of that id, or all that cover that alias (with or without its version)."""
    for rule in all_rules():
        if identifier == rule.id:
            return (rule,)
    return tuple(
        rule
        for rule in all_rules()
        if any(identifier in (full, full.partition("@")[0]) for full in rule.aliases)
    )


def rule_in(module: ModuleType) -> Rule:
    """The one rule of a module, which has the file's name in CamelCase; raises ``TypeError``."""
    stem = module.__name__.rpartition(".")[2]
    class_name = "".join(part.capitalize() for part in stem.split("_"))
    rule_class = getattr(module, class_name, None)
    if not (isinstance(rule_class, type) and issubclass(rule_class, Rule)):
        raise TypeError(f"{module.__name__}: expected a class {class_name}(Rule), found none")
    return rule_class()
