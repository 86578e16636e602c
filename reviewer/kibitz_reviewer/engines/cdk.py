"""AWS CDK in Python: what a construct must say of itself, as a table of demands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from kibitz_reviewer.engines.arguments import ABSENT, argument, is_open, known, name_of, texts
from kibitz_reviewer.engines.edits import with_keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule

ROOTS = ("aws_cdk", "monocdk", "aws_cdk.core")


@dataclass(frozen=True, slots=True)
class Demand:
    """What an argument of a construct must or must not be.

    ``construct`` is a name below ``aws_cdk``, or ``.method`` of anything in a file that imports ``imported``. Absence is
    an offence unless the argument is ``optional``, or one of ``unless`` is there. ``bad`` and ``want`` are constants, or
    the last parts of names (``UNENCRYPTED`` of ``BucketEncryption.UNENCRYPTED``; ``any_ipv4()`` for a call).
    """

    construct: str
    name: str
    say: str = ""
    bad: tuple[object, ...] = ()
    want: tuple[object, ...] = ()
    unless: tuple[str, ...] = ()
    unless_value: tuple[str, str] | None = None
    unless_given: tuple[str, ...] = ()
    optional: bool = False
    position: int = 99
    imported: str = ""
    first: tuple[str, ...] = ()
    below: int = 0
    everything: bool = False
    zero: bool = False
    always: bool = False

    def offends(self, module: Module, call: ast.Call) -> bool:
        """Whether ``call`` does not do as it should; False if that cannot be told."""
        if self.always:
            return True
        if is_open(call) or any(k.arg in (*self.unless, *self.unless_given) for k in call.keywords):
            return False
        if self.first and call.args and module.constant(call.args[0]) in self.first:
            return False
        if self.unless_value is not None:
            other = argument(call, 99, self.unless_value[0])
            if other is not None and name_of(module, other).endswith(self.unless_value[1]):
                return False
        given = argument(call, self.position, self.name) if self.name or self.position < 99 else None
        if given is None:
            return not self.optional
        return self._is_bad(module, given) or (self.everything and _rules_a_service(module, call, given))

    @property
    def remedy(self) -> str:
        """The code of a value that meets the demand, if it is a plain yes or no."""
        if self.position < 99 or not self.name.isidentifier():
            return ""
        if any(value is False for value in self.bad) or any(value is True for value in self.want):
            return "True"
        if any(value is True for value in self.bad) or any(value is False for value in self.want):
            return "False"
        return ""

    def _is_bad(self, module: Module, given: ast.expr) -> bool:
        if isinstance(given, ast.List | ast.Tuple):
            return any(self._is_bad(module, element) for element in given.elts)
        value = known(module, given)
        last = name_of(module, given).rpartition(".")[2]
        if self.everything:
            return value == "*"
        if self.zero:
            made = module.value_of(given)
            return isinstance(made, ast.Call) and bool(made.args) and module.constant(made.args[0]) == 0
        if self.below:
            return isinstance(value, int) and value < self.below
        if self.want:
            return value is not ABSENT and not any(value is w or value == w for w in self.want)
        return any((type(value) is type(b) and value == b) or (last != "" and last == b) for b in self.bad)


def _rules_a_service(module: Module, call: ast.Call, actions: ast.expr) -> bool:
    """Whether a statement allows whatever a service can do, on all there is."""
    allowed, on = texts(module, actions), texts(module, argument(call, 99, "resources"))
    return "*" in on and any(action.endswith(":*") for action in allowed)


DEFAULTS = (
    "admin",
    "root",
    "postgres",
    "awsuser",
    "user",
    "master",
    "sa",
    "administrator",
    "mysql",
    "administer",
)


class CdkRule(Rule):
    """A rule made of demands: one finding for each construct that does not meet them."""

    demands: ClassVar[tuple[Demand, ...]] = ()
    fix = Applicability.SUGGESTED
    fix_title = "Say what it has to be"

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        target = repair.target
        if not isinstance(node, cst.Call) or not isinstance(target, ast.Call):
            return None
        for demand in self.demands:
            remedy = demand.remedy
            if (
                remedy
                and target in self._calls(repair.module, demand)
                and demand.offends(repair.module, target)
            ):
                return with_keyword(node, demand.name, remedy)
        return None

    def check(self, module: Module) -> Iterator[Finding]:
        if not any(root in module.imported for root in ROOTS):
            return
        said: set[ast.Call] = set()
        for demand in self.demands:
            for call in self._calls(module, demand):
                if call not in said and demand.say and demand.offends(module, call):
                    said.add(call)
                    yield self.finding(module, call, f"{self.summary} {demand.say}")

    def _calls(self, module: Module, demand: Demand) -> list[ast.Call]:
        if demand.construct.startswith("."):
            if demand.imported and demand.imported not in module.imported:
                return []
            return module.method_calls(demand.construct[1:])
        return module.calls(*(f"{root}.{demand.construct}" for root in ROOTS))
