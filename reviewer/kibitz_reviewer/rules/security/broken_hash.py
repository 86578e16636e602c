"""Hashes that can be forged."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, is_false, keyword, name_of, target_names
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Finding, Rule, Severity

NAMES = (
    "hashlib.md5",
    "hashlib.sha1",
    "hashlib.md4",
    "cryptography.hazmat.primitives.hashes.MD5",
    "cryptography.hazmat.primitives.hashes.SHA1",
)
MODULES = tuple(
    f"{root}.Hash.{kind}"
    for root in ("Crypto", "Cryptodome")
    for kind in ("MD2", "MD4", "MD5", "SHA", "SHA1")
)
CHECKSUM = re.compile(
    r"(?i)etag|checksum|cache|fingerprint|dedup|content_md5|bucket|shard|hash_ring|gravatar"
)


class BrokenHash(Rule):
    """Hash function is one whose results can be forged.

    Two different contents with the same MD5 or SHA-1 are made in minutes: what the hash was to vouch for can be exchanged.

    Use SHA-256; where nothing has to be kept safe, say so with `usedforsecurity=False`.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    cwe = (327, 328)
    aliases = ("python/insecure-hashing@v1.0",)
    triggers = ("hashlib", "hashes", "Crypto", "Cryptodome", "hmac")
    fix = Applicability.SUGGESTED
    fix_title = "Use SHA-256"
    noncompliant = (
        """
        import hashlib

        def digest(data):
            return hashlib.md5(data).hexdigest()  # finding
        """,
        """
        import hashlib
        from cryptography.hazmat.primitives import hashes

        ALGORITHM = "sha1"

        def digest(data):
            first = hashlib.new(ALGORITHM, data)  # finding
            return first, hashes.Hash(hashes.MD5())  # finding
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

        def cache_key(url):
            return hashlib.md5(url.encode(), usedforsecurity=False).hexdigest()

        def etag(body):
            checksum = hashlib.md5(body).hexdigest()
            return checksum
        """,
        """
        import hashlib

        def digest(data, algorithm="sha512"):
            return hashlib.new(algorithm, data)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in [
            *module.calls(*NAMES),
            *module.calls(*(f"{root}.new" for root in MODULES), "hashlib.new", "hmac.new", "hmac.digest"),
        ]:
            name = module.qualified_name(call.func) or ""
            if is_false(module, keyword(call, "usedforsecurity")) or _is_checksum(module, call):
                continue
            if name in ("hashlib.new", "hmac.new", "hmac.digest"):
                given = argument(call, 0 if name == "hashlib.new" else 2, "name", "digestmod", "digest")
                algorithm = module.constant(given)
                text = algorithm if isinstance(algorithm, str) else name_of(module, given).rpartition(".")[2]
                if text.lower().replace("-", "") not in ("md5", "sha1", "md4", "md2") or (
                    name != "hashlib.new" and text.lower() == "sha1"
                ):
                    continue
            yield self.finding(module, call, "This hash can be forged. Use SHA-256.")

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        if isinstance(node.func, cst.Attribute) and node.func.attr.value in ("md5", "sha1", "md4"):
            return node.with_changes(func=node.func.with_changes(attr=cst.Name("sha256")))
        if isinstance(node.func, cst.Attribute) and node.func.attr.value in ("MD5", "SHA1"):
            return node.with_changes(func=node.func.with_changes(attr=cst.Name("SHA256")))
        return None


def _is_checksum(module: Module, call: ast.Call) -> bool:
    """Whether a name around says that nothing has to be kept safe."""
    for around in module.ancestors(call):
        if any(CHECKSUM.search(name) for name in target_names(around)):
            return True
        if isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef):
            return bool(CHECKSUM.search(around.name))
    return False
