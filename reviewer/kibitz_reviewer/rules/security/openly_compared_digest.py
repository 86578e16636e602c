"""Signatures compared letter by letter."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity


class OpenlyComparedDigest(Rule):
    """Signature is compared with `==`, which tells by its time how much of it was right.

    The comparison ends at the first byte that differs. Who may ask often enough finds a valid signature byte by byte.

    Compare with `hmac.compare_digest`, which takes the same time whatever differs.
    """

    severity = Severity.MEDIUM
    cwe = (208,)
    triggers = ("hmac",)
    fix = Applicability.SUGGESTED
    fix_title = "Compare in constant time"
    noncompliant = (
        """
        import hmac

        def is_genuine(key, body, signature):
            expected = hmac.new(key, body, "sha256").hexdigest()
            return expected == signature  # finding
        """,
        """
        import base64
        import hmac

        def check(key, body, headers):
            if headers["X-Signature"] != base64.b64encode(hmac.digest(key, body, "sha256")):  # finding
                raise PermissionError("not genuine")
        """,
    )
    compliant = (
        """
        import hmac

        def is_genuine(key, body, signature):
            expected = hmac.new(key, body, "sha256").hexdigest()
            return hmac.compare_digest(expected, signature)
        """,
        """
        import hashlib
        import hmac

        def is_unchanged(path, key, before):
            assert hmac.new(key, b"", "sha256").digest_size == 32
            return hashlib.sha256(path.read_bytes()).hexdigest() == before
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for node in module.nodes(ast.Compare):
            if len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                sides = (node.left, node.comparators[0])
                if any(_is_signature(module, side) for side in sides) and not any(
                    isinstance(side, ast.Constant) for side in sides
                ):
                    yield self.finding(
                        module,
                        node,
                        "How long this takes tells how much was right. Use `hmac.compare_digest`.",
                    )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Comparison) or len(node.comparisons) != 1:
            return None
        target = node.comparisons[0]
        repair.add_import("hmac")
        call = cst.Call(
            cst.parse_expression("hmac.compare_digest"),
            [cst.Arg(node.left.with_changes(lpar=[], rpar=[])), cst.Arg(target.comparator)],
        )
        if isinstance(target.operator, cst.NotEqual):
            return cst.UnaryOperation(cst.Not(), call, lpar=node.lpar, rpar=node.rpar)
        return call.with_changes(lpar=node.lpar, rpar=node.rpar)


def _is_signature(module: Module, node: ast.expr) -> bool:
    """Whether the value is what `hmac` made of a key and a message, perhaps as text."""
    node = module.value_of(node)
    while isinstance(node, ast.Call):
        name = module.qualified_name(node.func) or ""
        if name in (
            "hmac.digest",
            "hmac.new().hexdigest",
            "hmac.new().digest",
            "hmac.HMAC().hexdigest",
            "hmac.HMAC().digest",
        ):
            return True
        if name.startswith(("base64.", "binascii.")) and node.args:
            node = module.value_of(node.args[0])
        elif isinstance(node.func, ast.Attribute) and node.func.attr in (
            "decode",
            "hex",
            "strip",
            "lower",
            "upper",
        ):
            node = module.value_of(node.func.value)
        elif isinstance(node.func, ast.Attribute) and node.func.attr in ("hexdigest", "digest"):
            made = module.value_of(node.func.value)
            return isinstance(made, ast.Call) and (module.qualified_name(made.func) or "") in (
                "hmac.new",
                "hmac.HMAC",
            )
        else:
            return False
    return False
