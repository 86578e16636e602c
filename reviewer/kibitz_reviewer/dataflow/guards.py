"""Guards: what a condition says about the values it looks at.

``if name not in ALLOWED: return`` makes ``name`` harmless afterwards, and everything that was made from it: what is
cleaned is the source's control, in every variable that carries it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import replace

from kibitz_reviewer.dataflow.expressions import Expressions
from kibitz_reviewer.dataflow.machine import Activation, externals, functions
from kibitz_reviewer.dataflow.values import EVERY_KIND, Taint, Value, join_all, of_constant
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.finding import Step

#: Marks a path that has been made absolute or real, so that a comparison of its start means something.
NORMALISED = "~normalised"
ALL = (EVERY_KIND,)
HOSTS = ("redirect", "ssrf")
CHARACTERS = {
    "'": ("sql", "xpath", "code", "ldap", "xss"),
    '"': ("sql", "xpath", "code"),
    "..": ("path",),
    "../": ("path",),
    "/": ("path",),
    "\\": ("path",),
    "~": ("path",),
    "\n": ("log", "header"),
    "\r": ("log", "header"),
    "\r\n": ("log", "header"),
    "<": ("xss",),
    ">": ("xss",),
    ";": ("shell",),
    "&": ("shell",),
    "|": ("shell",),
    "*": ("ldap", "wildcard"),
    "(": ("ldap", "code"),
    ")": ("ldap",),
    "//": HOSTS,
    "://": HOSTS,
    "{{": ("template",),
    "{": ("template",),
}
TESTS = frozenset({"isdigit", "isalnum", "isidentifier", "isnumeric", "isdecimal", "isalpha"})
VALIDATOR = re.compile(
    r"(?i)(?:^|_)(?:is_?valid\w*|valid|validates?|validated|validator|checks?|checked|allow(?:ed|s)?|safe|verify|verified|verifies|permitted"
    r"|whitelist(?:ed)?|allowlist(?:ed)?|trusted|legal|acceptable|ensure\w*|assert|sanitary|approved|accepts?|match(?:es)?|secure|same|local|relative)(?:_|$)"
)
REJECTOR = re.compile(
    r"(?i)(?:^|_)(?:malicious|dangerous|unsafe|invalid|bad|forbidden|blocked|contains|suspicious|traversal|injection|evil|external|private|internal|disallowed|reject\w*)(?:_|$)"
)
_MATCHERS = ("match", "fullmatch", "search")
_PERMISSIVE = re.compile(r"(?<!\\)\.[*+]|\\S[*+]|\[\^")


class Guards(Expressions):
    """Refines the state by what conditions say."""

    def refine(self, test: ast.expr, truth: bool) -> None:
        """Take into account that ``test`` is ``truth``."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            self.refine(test.operand, not truth)
        elif isinstance(test, ast.BoolOp):
            if isinstance(test.op, ast.And) is truth:
                for part in test.values:
                    self.refine(part, truth)
            else:
                self._refine_alternatives(test, truth)
        elif isinstance(test, ast.NamedExpr):
            self.refine(test.value, truth)
        elif isinstance(test, ast.Compare) and len(test.ops) == 1:
            self._refine_compare(test, truth)
        elif isinstance(test, ast.Call):
            self._refine_call(test, truth)
        elif isinstance(test, ast.Name):
            self._refine_name(test, truth)

    def _refine_alternatives(self, test: ast.BoolOp, truth: bool) -> None:
        """``x == "a" or x == "b"``: either way the same variable is one of a few."""
        names = {_compared_name(part) for part in test.values}
        name = names.pop() if len(names) == 1 else None
        if truth and name is not None and all(_is_equality(part) for part in test.values):
            self.clean_node(name_node(test, name), ALL)

    def _refine_compare(self, test: ast.Compare, truth: bool) -> None:
        op, left, right = test.ops[0], test.left, test.comparators[0]
        if isinstance(op, ast.In | ast.NotIn):
            self._refine_membership(left, right, isinstance(op, ast.In) is truth)
        elif isinstance(op, ast.Eq | ast.Is | ast.NotEq | ast.IsNot):
            equal = isinstance(op, ast.Eq | ast.Is) is truth
            if equal:
                self._refine_equal(left, right)
                self._refine_equal(right, left)
            self._refine_result(left, right, equal)

    def _refine_result(self, left: ast.expr, right: ast.expr, equal: bool) -> None:
        """``os.path.commonpath([base, path]) == base``, ``re.match(...) is None``, ``check(x) == True``."""
        if isinstance(right, ast.Constant) and (right.value is None or isinstance(right.value, bool)):
            wanted = bool(right.value) if equal else not right.value
            if isinstance(left, ast.Call | ast.Name):
                self.refine(left, wanted)
        elif equal:
            for call in (left, right):
                if isinstance(call, ast.Call) and "common" in ast.unparse(call.func):
                    self.clean_value(join_all(self.deep(self.eval(arg)) for arg in call.args), ("path",))

    def _refine_equal(self, left: ast.expr, right: ast.expr) -> None:
        other = self.eval(right)
        if other.taints or self.deep(other).taints:
            return
        value = self.eval(left)
        if not value.taints:
            return
        if isinstance(left, ast.Attribute) and left.attr in ("netloc", "hostname", "host", "scheme"):
            self.clean_value(value, HOSTS if left.attr != "scheme" else ())
        elif isinstance(left, ast.Name) and other.constants is not None:
            self.clean_value(value, ALL)
            self.state.frames[self.here.frame][left.id] = of_constant(other.constants[0])
        elif isinstance(left, ast.Name | ast.Subscript | ast.Attribute):
            self.clean_value(value, ALL)
            self.mask(left, value, ALL)
        elif isinstance(left, ast.Call):
            self._refine_equal_call(left, value)

    def _refine_equal_call(self, call: ast.Call, value: Value) -> None:
        name = ast.unparse(call.func).rpartition(".")[2]
        if name in ("lower", "upper", "strip", "get", "casefold", "pop"):
            self.clean_value(value, ALL)
            self.mask(call, value, ALL)

    def _refine_membership(self, left: ast.expr, right: ast.expr, inside: bool) -> None:
        container, member = self.eval(right), self.eval(left)
        if inside and not container.taints and not self.deep(container).taints:
            if member.taints and not isinstance(container.constant, str):
                attribute = left.attr if isinstance(left, ast.Attribute) else ""
                if attribute == "scheme":
                    return
                kinds = HOSTS if attribute in ("netloc", "hostname", "host") else ALL
                self.clean_value(member, kinds)
                self.mask(left, member, kinds)
        elif not inside and container.taints and isinstance(member.constant, str):
            self.clean_value(container, CHARACTERS.get(member.constant, ()))
            self._clean_other_kinds(container, member.constant)

    def _clean_other_kinds(self, value: Value, text: str) -> None:
        kinds = [kind for mark, kinds in CHARACTERS.items() if mark in text for kind in kinds]
        self.clean_value(value, kinds)

    def _refine_name(self, test: ast.Name, truth: bool) -> None:
        """A variable that holds the outcome of one check made before."""
        bindings = self.here.home.module.bindings(test)
        if len(bindings) == 1 and isinstance(
            bindings[0].value, ast.Call | ast.Compare | ast.BoolOp | ast.UnaryOp
        ):
            self.refine(bindings[0].value, truth)

    # Calls

    def _refine_call(self, call: ast.Call, truth: bool) -> None:
        func = call.func
        name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        if name in TESTS and isinstance(func, ast.Attribute):
            if truth:
                self.clean_node(func.value, ALL)
            return
        if name in ("startswith", "endswith", "is_relative_to"):
            self._refine_start(call, name, truth)
        elif name in ("any", "all") and call.args and isinstance(call.args[0], ast.GeneratorExp):
            self._refine_each(call.args[0], name, truth)
        elif name == "isinstance" and truth and len(call.args) == 2:
            kinds = set(externals(self.eval(call.args[1])))
            if kinds and kinds <= {"int", "float", "bool"}:
                self.clean_node(call.args[0], ALL)
        elif name in _MATCHERS:
            self._refine_match(call, truth)
        else:
            self._refine_validator(call, name, truth)

    def _refine_validator(self, call: ast.Call, name: str, truth: bool) -> None:
        targets = functions(
            self.eval(func) if isinstance(func := call.func, ast.Name | ast.Attribute) else Value()
        )
        for ref in targets:
            if ref.info.node not in [each.function.node for each in self.stack if each.function]:
                self.call_wanting(call, ref, truth)
        if targets:
            return
        if (VALIDATOR.search(name) and truth) or (REJECTOR.search(name) and not truth):
            for argument in call.args:
                self.clean_node(argument, ALL)

    def call_wanting(self, call: ast.Call, ref: object, truth: bool) -> None:
        """Run a function of the program, keeping only the ways on which it returns ``truth``."""
        raise NotImplementedError

    def _refine_each(self, generator: ast.GeneratorExp, name: str, truth: bool) -> None:
        """``any(c in value for c in "...")`` is false, ``all(c in ALLOWED for c in value)`` is true."""
        source = generator.generators[0]
        test = generator.elt
        if name == "all" and truth and isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.In):
            if not self.eval(test.comparators[0]).taints:
                self.clean_node(source.iter, ALL)
        elif name == "all" and truth and isinstance(test, ast.Call | ast.BoolOp):
            self.clean_node(source.iter, ALL)
        elif (
            name == "any" and not truth and isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.In)
        ):
            marks = self.iterated(self.eval(source.iter))
            container = self.eval(test.comparators[0])
            if marks.constants is not None:
                for mark in marks.constants:
                    self._clean_other_kinds(container, str(mark))
            elif not marks.taints:
                self.clean_value(container, [kind for kinds in CHARACTERS.values() for kind in kinds])

    def _refine_start(self, call: ast.Call, name: str, truth: bool) -> None:
        func = call.func
        if not isinstance(func, ast.Attribute) or not call.args:
            return
        value = self.eval(func.value)
        start = self.eval(call.args[0])
        if not truth or not value.taints or start.taints:
            return
        if name == "is_relative_to":
            self.clean_value(value, ("path",))
            return
        texts = start.constants or tuple(
            c for item in self.known_items(start) or [] for c in item.constants or ()
        )
        if name == "startswith":
            normal = frozenset(t for t in value.taints if NORMALISED in t.clean)
            self.clean_taints(normal, ("path",))
            if (texts and all(isinstance(t, str) and fixes_host(t) for t in texts)) or (
                not texts and start.unknown
            ):
                self.clean_value(value, HOSTS)

    def _refine_match(self, call: ast.Call, truth: bool) -> None:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        called = self.eval(call.func)
        compiled = any(each.endswith(f"compile().{name}") for each in externals(called))
        direct = any(each in (f"re.{name}", f"regex.{name}") for each in externals(called))
        subject = call.args[0 if compiled else 1 : 1 if compiled else 2]
        if not truth or not subject or not (compiled or direct):
            if not compiled and not direct:
                self._refine_validator(call, name, truth)
            return
        pattern = self._pattern(call, compiled)
        anchored = name == "fullmatch" or (
            pattern is not None
            and pattern.endswith(("$", "\\Z"))
            and (name == "match" or pattern.startswith(("^", "\\A")))
        )
        if pattern is None:
            anchored = name != "search"
        if anchored and not _PERMISSIVE.search(pattern or ""):
            self.clean_node(subject[0], ALL)

    def _pattern(self, call: ast.Call, compiled: bool) -> str | None:
        module = self.here.home.module
        node: ast.expr = call.args[0]
        if compiled and isinstance(call.func, ast.Attribute):
            made = module.value_of(call.func.value)
            if not isinstance(made, ast.Call) or not made.args:
                return None
            node = made.args[0]
        text = module.constant(node)
        return text if isinstance(text, str) else None

    # Cleaning

    def clean_node(self, node: ast.expr, kinds: Iterable[str]) -> None:
        """Make what controls an expression harmless, also where the same expression is written again."""
        kinds = tuple(kinds)
        value = self.eval(node)
        self.clean_value(value, kinds)
        self.mask(node, value, kinds)

    def mask(self, node: ast.expr, value: Value, kinds: Iterable[str]) -> None:
        """Remember that an expression that is no variable was found harmless on this way."""
        if value.taints and isinstance(node, ast.Subscript | ast.Call | ast.Attribute):
            self.masks = True
            names = self.state.frames.setdefault(self.here.frame, {})
            names[self.mask_name(node)] = value.cleaned(kinds)

    def clean_value(self, value: Value, kinds: Iterable[str]) -> None:
        """Make what controls ``value`` harmless for ``kinds`` wherever it went."""
        self.clean_taints(self.deep(value).taints, kinds)

    def clean_taints(self, taints: frozenset[Taint], kinds: Iterable[str]) -> None:
        """Make these taints harmless for ``kinds`` in every variable and object."""
        extra = frozenset(kinds)
        if not taints or not extra:
            return
        sources = {taint.source for taint in taints}
        for number, names in list(self.state.frames.items()):
            carried = [
                name for name, value in names.items() if any(t.source in sources for t in value.taints)
            ]
            if carried:
                mine = self.state.own(number)
                for name in carried:
                    mine[name] = _without(mine[name], sources, extra)
        for key, obj in self.state.heap.items():
            if not obj.everything().taints:
                continue
            cells = {k: _without(v, sources, extra) for k, v in obj.cells.items()}
            items = None if obj.items is None else tuple(_without(v, sources, extra) for v in obj.items)
            rest = None if obj.rest is None else _without(obj.rest, sources, extra)
            self.state.heap[key] = replace(obj, cells=cells, items=items, rest=rest)


def fixes_host(text: str) -> bool:
    """Whether a URL that begins with ``text`` can only lead to one host, or stays on this one."""
    return bool(re.match(r"(?i)[a-z][a-z0-9+.-]*://[^/?#\\@]+[/?#]|/(?![/\\]).|[?#]", text))


def _without(value: Value, sources: set[Step], kinds: frozenset[str]) -> Value:
    if not any(taint.source in sources for taint in value.taints):
        return value
    taints = frozenset(
        Taint(t.label, t.source, t.clean | kinds, t.steps) if t.source in sources else t for t in value.taints
    )
    if EVERY_KIND in kinds:
        taints = frozenset(t for t in taints if t.source not in sources)
    # Nothing is left that anybody chose freely.
    is_known = EVERY_KIND in kinds and not taints
    return Value(taints, value.constants, value.refs, value.prefix, value.unknown and not is_known)


def _compared_name(part: ast.expr) -> str | None:
    if isinstance(part, ast.Compare) and isinstance(part.left, ast.Name):
        return part.left.id
    return None


def _is_equality(part: ast.expr) -> bool:
    return (
        isinstance(part, ast.Compare)
        and len(part.ops) == 1
        and isinstance(part.ops[0], ast.Eq | ast.In)
        and not isinstance(part.comparators[0], ast.Name | ast.Attribute)
    )


def name_node(around: ast.AST, name: str) -> ast.Name:
    """The node in ``around`` that reads ``name``."""
    return next(n for n in ast.walk(around) if isinstance(n, ast.Name) and n.id == name)


__all__ = ["FUNCTIONS", "NORMALISED", "Activation", "Guards", "fixes_host"]
