"""Passwords kept readable."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, keyword, known, target_names, texts
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

WEAK = re.compile(r"(?:MD5|SHA1|Crypt|Plain\w*|Unsalted\w*)PasswordHasher$")


class ClearTextPasswords(Rule):
    """Passwords are kept so that whoever gets hold of them can read them.

    Plain or quickly hashed passwords are known minutes after a database is lost, and they open accounts elsewhere too.

    Keep Django's default hashers (PBKDF2, scrypt, Argon2), or hash with `argon2` or `bcrypt`.
    """

    severity = Severity.HIGH
    cwe = (916, 328, 256)
    aliases = ("python/clear-text-credentials@v1.0",)
    triggers = ("PASSWORD_HASHERS", "make_password", "password")
    noncompliant = (
        """
        PASSWORD_HASHERS = [  # finding
            "django.contrib.auth.hashers.MD5PasswordHasher",
            "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        ]
        """,
        """
        from django.conf import settings

        settings.configure(PASSWORD_HASHERS=["django.contrib.auth.hashers.UnsaltedSHA1PasswordHasher"])  # finding
        """,
        """
        from django.contrib.auth.hashers import make_password

        def keep(user, password):
            user.password = make_password(password, hasher="md5")  # finding
            user.save()
        """,
        """
        from django.contrib.auth.models import User

        def register(form):
            user = User(username=form["name"])
            user.password = form["password"]  # finding
            user.save()
        """,
    )
    compliant = (
        """
        from django.contrib.auth.models import User

        def register(form, hashed):
            user = User(username=form["name"])
            user.set_password(form["password"])
            user.save()
            other = User()
            other.password = hashed(form["password"])
            other.save()

        def connect(client, settings):
            client.password = settings["password"]
            client.connect()
        """,
        """
        PASSWORD_HASHERS = [
            "django.contrib.auth.hashers.Argon2PasswordHasher",
            "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        ]
        """,
        """
        from django.contrib.auth.hashers import make_password

        def keep(user, password):
            user.password = make_password(password)
            user.save()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "Passwords kept like this can be read by whoever gets them. Use Argon2, bcrypt or PBKDF2."
        for assign in module.nodes(ast.Assign):
            if "PASSWORD_HASHERS" in target_names(assign) and any(
                WEAK.search(t) for t in texts(module, assign.value)
            ):
                yield self.finding(module, assign, message)
        for assign in module.nodes(ast.Assign):
            if self._keeps(module, assign):
                yield self.finding(module, assign, message, confidence=Confidence.MEDIUM)
        for call in module.nodes(ast.Call):
            hashers = keyword(call, "PASSWORD_HASHERS")
            if hashers is not None and any(WEAK.search(t) for t in texts(module, hashers)):
                yield self.finding(module, call, message)
        for call in module.calls("django.contrib.auth.hashers.make_password"):
            hasher = known(module, argument(call, 2, "hasher"))
            if hasher in ("md5", "sha1", "unsalted_md5", "unsalted_sha1", "crypt"):
                yield self.finding(module, call, message)

    def _keeps(self, module: Module, assign: ast.Assign) -> bool:
        """Whether a password goes, as it came, into the password of an object that is then stored."""
        target, value = assign.targets[0], assign.value
        if not (isinstance(target, ast.Attribute) and target.attr in ("password", "passwd", "password_hash")):
            return False
        name = str(module.constant(value.slice, "")) if isinstance(value, ast.Subscript) else ""
        name = name or (
            value.id
            if isinstance(value, ast.Name)
            else value.attr
            if isinstance(value, ast.Attribute)
            else ""
        )
        around = module.enclosing_function(assign)
        if (
            not re.fullmatch(r"(?i)(?:new_?|plain_?|raw_?)?(?:password|passwd|pwd)\d?", name)
            or around is None
        ):
            return False
        owner = ast.unparse(target.value)
        made = module.qualified_name(target.value) or ""
        saves = [ast.unparse(c) for c in module.within(around, ast.Call) if isinstance(c.func, ast.Attribute)]
        stored = any(
            s.startswith(f"{owner}.save(") or s.endswith((f".add({owner})", f".merge({owner})"))
            for s in saves
        )
        return stored and (made.endswith("()") or owner.lower().endswith(("user", "account", "member")))
