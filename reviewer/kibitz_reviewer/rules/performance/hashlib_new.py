"""Hashes made by name."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument
from kibitz_reviewer.engines.edits import argument as given
from kibitz_reviewer.engines.edits import calling, code_of, text_value
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

KNOWN = frozenset(
    {
        "md5",
        "sha1",
        "sha224",
        "sha256",
        "sha384",
        "sha512",
        "blake2b",
        "blake2s",
        "sha3_224",
        "sha3_256",
        "sha3_384",
        "sha3_512",
    }
)


class HashlibNew(Rule):
    """Hash is made by `hashlib.new` with a name that is known.

    It looks the name up each time, and is slower than the constructor; a mistyped name is found only when the line runs.

    Call the constructor: `hashlib.sha256()`.
    """

    severity = Severity.LOW
    aliases = ("python/hashlib-constructor@v1.0",)
    triggers = ("hashlib",)
    fix = Applicability.SAFE
    fix_title = "Call its constructor"
    noncompliant = (
        """
        import hashlib

        def digest(data):
            return hashlib.new("sha256", data).hexdigest()  # finding
        """,
    )
    compliant = (
        """
        import hashlib

        def digest(data):
            return hashlib.sha256(data).hexdigest()
        """,
        """
        import hashlib

        def digest(data, algorithm):
            return hashlib.new(algorithm, data).hexdigest(), hashlib.new("ripemd160", data).hexdigest()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls("hashlib.new"):
            name = module.constant(argument(call, 0, "name"))
            if isinstance(name, str) and name.lower().replace("-", "") in KNOWN:
                yield self.finding(
                    module,
                    call,
                    f"Its constructor is quicker: call `hashlib.{name.lower().replace('-', '')}`.",
                )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        name = given(node, 0, "name")
        text = text_value(name.value) if name is not None else None
        if text is None or not isinstance(node.func, cst.Attribute):
            return None
        rest = [arg for arg in node.args if arg is not name]
        data = [
            arg.with_changes(keyword=None, equal=cst.MaybeSentinel.DEFAULT)
            if arg.keyword and arg.keyword.value == "data"
            else arg
            for arg in rest
        ]
        owner = code_of(node.func.value)
        return calling(node, f"{owner}.{text.lower().replace('-', '')}", data)
