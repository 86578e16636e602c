"""YAML that builds any object."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument
from kibitz_reviewer.engines.edits import with_keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

SAFE = ("SafeLoader", "CSafeLoader", "BaseLoader", "CBaseLoader")
UNSAFE = ("Loader", "CLoader", "UnsafeLoader", "CUnsafeLoader", "FullLoader", "CFullLoader")


class UnsafeYamlLoad(Rule):
    """YAML is loaded in a way that lets the document create any Python object.

    A document can name classes and functions to call while it is being read, so that reading a file from elsewhere means
    running its author's code. `FullLoader` was meant to be safe and repeatedly was not.

    Use `yaml.safe_load` (or `Loader=yaml.SafeLoader`): it knows the plain types and nothing else.
    """

    severity = Severity.HIGH
    cwe = (502,)
    aliases = ("python/untrusted-deserialization@v1.0",)
    triggers = ("yaml",)
    fix = Applicability.SUGGESTED
    fix_title = "Use yaml.safe_load"
    noncompliant = (
        """
        import yaml

        def read(stream):
            return yaml.load(stream, Loader=yaml.Loader)  # finding
        """,
        """
        import yaml

        settings = yaml.load(open("settings.yml").read())  # finding
        everything = yaml.unsafe_load("a: 1")  # finding
        """,
        """
        from ruamel.yaml import YAML

        reader = YAML(typ="unsafe")  # finding
        """,
    )
    compliant = (
        """
        import yaml

        def read(stream):
            return yaml.safe_load(stream)
        """,
        """
        import yaml
        from yaml import CSafeLoader

        def read(stream):
            return yaml.load(stream, Loader=CSafeLoader), yaml.load(stream, yaml.SafeLoader)
        """,
        """
        import yaml

        class Strict(yaml.SafeLoader):
            pass

        def read(stream):
            return yaml.load(stream, Loader=Strict)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(
            "yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load"
        ):
            if self._is_unsafe(module, call) and not module.is_harmless("deserialize", call):
                yield self.finding(
                    module,
                    call,
                    "The document can create any Python object while it is loaded. Use `yaml.safe_load`.",
                )

        for call in module.calls("ruamel.yaml.YAML"):
            if module.constant(argument(call, 99, "typ")) == "unsafe" and not call.args:
                yield self.finding(
                    module,
                    call,
                    'Documents can create any Python object while they are loaded. Use `typ="safe"`.',
                )

    def _is_unsafe(self, module: Module, call: ast.Call) -> bool:
        if module.qualified_name(call.func) not in ("yaml.load", "yaml.load_all"):
            return True
        if any(keyword.arg is None for keyword in call.keywords) or any(
            isinstance(a, ast.Starred) for a in call.args
        ):
            return False
        loader = next((keyword.value for keyword in call.keywords if keyword.arg == "Loader"), None)
        if loader is None and len(call.args) > 1:
            loader = call.args[1]
        if loader is None:
            return bool(call.args)
        name = module.qualified_name(loader) or ""
        return name.startswith("yaml.") and name.rpartition(".")[2] in UNSAFE

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if isinstance(node, cst.Call) and not node.args[0].star and node.args[0].keyword is not None:
            if node.args[0].keyword.value == "typ":
                return with_keyword(node, "typ", '"safe"')
        if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute):
            return None
        name = "safe_load_all" if node.func.attr.value.endswith("_all") else "safe_load"
        stream = node.args[0].with_changes(comma=cst.MaybeSentinel.DEFAULT) if node.args else None
        if stream is None:
            return None
        return node.with_changes(func=node.func.with_changes(attr=cst.Name(name)), args=[stream])
