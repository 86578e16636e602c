"""Ciphers that are broken."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, known, method, name_of
from kibitz_reviewer.engines.edits import with_keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

CRYPTO = ("Crypto.", "Cryptodome.", "pyDes", "crypto.")
CIPHERS = re.compile(r"(?:Cipher\.(?:DES3?|ARC[24]|Blowfish|CAST|XOR|IDEA)\.new|pyDes\.(?:triple_)?des)$")
MODES_WITH_START = frozenset({"CBC", "CTR", "CFB", "CFB8", "OFB", "GCM"})
ALGORITHMS = frozenset({"ARC4", "Blowfish", "CAST5", "IDEA", "SEED", "TripleDES", "RC2"})
#: Fewer than this and a password is tried a million times a second.
ROUNDS = 10_000


class InsecureCryptography(Rule):
    """Cipher, mode or key is too weak to keep anything secret.

    DES, RC4, Blowfish and the like have been broken; ECB shows the pattern of what it hides; short RSA, DSA and EC keys can be
    computed.

    Use AES in GCM mode (or `Fernet`), RSA of 2,048 bits and more, curves of 224 bits and more.
    """

    severity = Severity.CRITICAL
    cwe = (327, 326)
    aliases = ("python/insecure-cryptography@v1.0",)
    triggers = (
        "Crypto",
        "Cryptodome",
        "cryptography",
        "rsa",
        "ssl",
        "OpenSSL",
        "pyDes",
        "Blowfish",
        "pbkdf2_hmac",
    )
    fix = Applicability.SUGGESTED
    fix_title = "Use a key that is long enough"
    noncompliant = (
        """
        from Crypto.Cipher import DES

        def seal(key, data):
            return DES.new(key, DES.MODE_CBC).encrypt(data)  # finding
        """,
        """
        from Crypto.Cipher import AES

        def seal(key, data):
            cipher = AES.new(key, AES.MODE_ECB)  # finding
            return cipher.encrypt(data)
        """,
        """
        import hashlib
        from Crypto.Cipher import AES

        def seal(password, salt, data):
            key = hashlib.pbkdf2_hmac("sha256", password, salt, 1000)  # finding
            return AES.new(key, AES.MODE_CBC, b"sixteen bytes ok")  # finding
        """,
        """
        from cryptography.hazmat.primitives.asymmetric import rsa
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        def keys(secret):
            weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # finding
            return weak, Cipher(algorithms.ARC4(secret), mode=None)  # finding
        """,
        """
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        def seal(key, data):
            return Cipher(algorithms.AES(key), modes.CBC(b"\\0" * 16)).encryptor().update(data)  # finding
        """,
    )
    compliant = (
        """
        import hashlib
        import os
        from Crypto.Cipher import AES

        def seal(password, data):
            key = hashlib.pbkdf2_hmac("sha256", password, os.urandom(16), 600_000)
            other = AES.new(key, AES.MODE_CBC, os.urandom(16))
            cipher = AES.new(key, AES.MODE_GCM)
            return cipher.encrypt_and_digest(data)
        """,
        """
        from cryptography.fernet import Fernet
        from cryptography.hazmat.primitives.asymmetric import ec, rsa

        def keys():
            return Fernet.generate_key(), rsa.generate_private_key(65537, 3072), ec.generate_private_key(ec.SECP384R1())
        """,
        """
        import os
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        def seal(key, start):
            return Cipher(algorithms.AES(key), modes.CBC(start)), Cipher(algorithms.AES(key), modes.CTR(os.urandom(16)))
        """,
        """
        from wood import DES

        def new():
            return DES.new("oak")
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.nodes(ast.Call):
            name = module.qualified_name(call.func) or ""
            reason = self._weak(module, call, name)
            if reason:
                yield self.finding(
                    module, call, f"{reason} Use AES in GCM mode, or keys of the sizes recommended today."
                )

    def _weak(self, module: Module, call: ast.Call, name: str) -> str:
        root, _, last = name.rpartition(".")
        if root.startswith(CRYPTO) and CIPHERS.search(name):
            return "This cipher is broken."
        if root.endswith("primitives.ciphers.algorithms") and last in ALGORITHMS:
            return "This cipher is broken."
        if name.endswith("primitives.ciphers.modes.ECB"):
            return "ECB shows the pattern of what it hides."
        if (
            root.startswith(CRYPTO)
            and last == "new"
            and any(m.endswith("MODE_ECB") for m in (name_of(module, argument(call, 1, "mode")),))
        ):
            return "ECB shows the pattern of what it hides."
        if root.startswith(CRYPTO) and ".Cipher." in root + "." and last == "new":
            start = argument(call, 2, "iv", "nonce", "IV")
            if start is not None and _never_changes(module, start):
                return "This initialisation vector never changes."
        if ".primitives.ciphers.modes." in name and last in MODES_WITH_START and call.args:
            return "This initialisation vector never changes." if _never_changes(module, call.args[0]) else ""
        if last in ("PBKDF2HMAC", "PBKDF2", "pbkdf2_hmac"):
            rounds = known(module, argument(call, 3, "iterations", "count"))
            return (
                "So few rounds are tried in no time." if isinstance(rounds, int) and rounds < ROUNDS else ""
            )
        if (
            name.startswith("cryptography.")
            and last == "PKCS1v15"
            and isinstance(parent := module.parent(call), ast.Call)
        ):
            return (
                "This padding lets messages be decrypted." if method(parent) in ("encrypt", "decrypt") else ""
            )
        if last in ("generate_private_key", "generate", "newkeys") and re.search(
            r"(?i)\brsa\b|\bdsa\b", root
        ):
            size = known(
                module,
                argument(
                    call, 1 if last == "generate_private_key" and "rsa" in root else 0, "key_size", "bits"
                ),
            )
            return "This key is too short." if isinstance(size, int) and size < 2048 else ""
        if last == "generate_private_key" and root.endswith(".ec"):
            curve = name_of(module, argument(call, 0, "curve"))
            return "This curve is too small." if re.search(r"(?:SECP192R1|SECT163\w+)", curve) else ""
        if name in ("ssl.SSLContext", "ssl.wrap_socket", "OpenSSL.SSL.Context"):
            version = name_of(
                module,
                argument(call, 0 if name != "ssl.wrap_socket" else 9, "protocol", "ssl_version", "method"),
            )
            return (
                "This version of TLS is broken."
                if re.search(r"SSLv[23]\b|TLSv1(?:_1)?\b|(?:SSLv23|TLSv1)_METHOD", version)
                and "SSLv23" not in version
                else ""
            )
        return ""

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        name = next(
            (a.keyword.value for a in node.args if a.keyword and a.keyword.value in ("key_size", "bits")),
            None,
        )
        return with_keyword(node, name, "3072") if name else None


def _never_changes(module: Module, node: ast.expr) -> bool:
    """Whether the bytes are the same each time: written out, repeated, or zeroes."""
    node = module.value_of(node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Add):
        sides = [module.value_of(side) for side in (node.left, node.right)]
        return any(isinstance(known(module, side), bytes) for side in sides) and all(
            isinstance(known(module, side), bytes | int) or _never_changes(module, side) for side in sides
        )
    if isinstance(node, ast.Call) and name_of(module, node.func) in ("bytes", "bytearray"):
        return len(node.args) == 1 and isinstance(known(module, node.args[0]), int | bytes)
    return isinstance(known(module, node), bytes)
