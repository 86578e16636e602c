"""Missing keys used as if they were there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity

METHODS = frozenset(
    [
        "strip",
        "lower",
        "upper",
        "split",
        "get",
        "items",
        "keys",
        "values",
        "append",
        "replace",
        "startswith",
        "endswith",
        "encode",
        "decode",
        "format",
        "join",
        "lstrip",
        "rstrip",
        "title",
        "pop",
        "extend",
        "add",
    ]
)
CLIENT = re.compile(
    r"(?i)client|session|requests|http|cache|redis|queue|api|driver|browser|conn|store|repo|objects|query|registry|app$|config$|settings$|manager"
)


class UncheckedDictGet(Rule):
    """Value that `dict.get` may not find is used at once.

    `get` answers None where a key is missing, so the error comes later, and says something else: None has no such attribute.

    Give `get` a default, ask for None, or take the key with `[]`, which says what is missing.
    """

    severity = Severity.LOW
    confidence = Confidence.MEDIUM
    cwe = (476,)
    aliases = ("python/dict-get-method@v1.0",)
    triggers = ("get",)
    fix = Applicability.SUGGESTED
    fix_title = "Let a missing key be an error that names it"
    noncompliant = (
        """
        def name(user):
            return user.get("name").strip()  # finding
        """,
        """
        PRICES = {"apple": 3}

        def total(fruit, count):
            return PRICES.get(fruit) * count  # finding
        """,
        """
        def city(user):
            address = {"home": user}.get("home")["city"]  # finding
            return address
        """,
    )
    compliant = (
        """
        def name(user):
            return user.get("name", "").strip()
        """,
        """
        PRICES = {"apple": 3}

        def total(fruit, count):
            price = PRICES.get(fruit)
            return 0 if price is None else price * count
        """,
        """
        import requests

        def load(client, url):
            return requests.get(url, timeout=5).json(), client.get(url).text, client.get("/path").json()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.method_calls("get"):
            if len(call.args) != 1 or call.keywords or not isinstance(call.func, ast.Attribute):
                continue
            parent = module.parent(call)
            used = (
                (
                    isinstance(parent, ast.Attribute)
                    and (parent.attr in METHODS or self._is_dict(module, call.func.value))
                )
                or (isinstance(parent, ast.Subscript) and parent.value is call)
                or (
                    isinstance(parent, ast.BinOp)
                    and not isinstance(parent.op, ast.Mod | ast.BitOr)
                    and self._is_dict(module, call.func.value)
                )
            )
            if used and self._may_be_dict(module, call) and not _is_asked(module, call):
                yield self.finding(
                    module,
                    call,
                    "A missing key gives None here, and an error that says something else. Give `get` a default.",
                )

    def _is_dict(self, module: Module, node: ast.expr) -> bool:
        value = module.value_of(node)
        return isinstance(value, ast.Dict | ast.DictComp) or (
            isinstance(value, ast.Call)
            and module.qualified_name(value.func) in ("dict", "json.loads", "json.load")
        )

    def _may_be_dict(self, module: Module, call: ast.Call) -> bool:
        """Whether the receiver looks like a dictionary, and not like a client, a queue or a cache."""
        owner = call.func.value if isinstance(call.func, ast.Attribute) else call
        if self._is_dict(module, owner):
            return True
        key = call.args[0]
        text = module.constant(key)
        name = module.qualified_name(owner)
        if (
            not isinstance(text, str)
            or "/" in text
            or (name is not None and not name.endswith((".json()", "environ")))
        ):
            return False
        return not CLIENT.search(ast.unparse(owner))

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        if not isinstance(node.func, cst.Attribute) or len(node.args) != 1:
            return None
        return cst.Subscript(node.func.value, [cst.SubscriptElement(cst.Index(node.args[0].value))])


def _is_asked(module: Module, call: ast.Call) -> bool:
    """Whether something around has made sure of the key."""
    text, key = ast.unparse(call), ast.unparse(call.args[0])
    owner = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    around = module.enclosing_function(call) or module.tree
    for node in ast.walk(around):
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            test = ast.unparse(node.test)
        elif isinstance(node, ast.BoolOp):
            test = ast.unparse(node.values[0])
        elif isinstance(node, ast.comprehension):
            test = " ".join(ast.unparse(each) for each in node.ifs)
        elif isinstance(node, ast.ExceptHandler) and node.type is not None:
            test = text if re.search("AttributeError|TypeError|Exception$", ast.unparse(node.type)) else ""
        else:
            continue
        if text in test or f"{key} in {owner}" in test or f"{key} not in {owner}" in test:
            return True
    return False
