"""Rights that outsiders choose."""

from __future__ import annotations

from kibitz_reviewer.rule import Severity
from kibitz_reviewer.rule_flow import FlowRule


class PrivilegeFromInput(FlowRule):
    """User or group the process becomes is chosen by a value from outside.

    With `0` the process keeps or gains every right there is.

    Become a fixed user, or check the number against those that are meant.
    """

    severity = Severity.HIGH
    cwe = (269, 250)
    aliases = ("python/improper-privilege-management@v1.0",)
    triggers = (
        "setuid",
        "setgid",
        "seteuid",
        "setegid",
        "setreuid",
        "setregid",
        "setgroups",
        "setresuid",
        "setresgid",
        "chroot",
    )
    kinds = ("privilege",)
    advice = "Become a fixed user that is known to have few rights."
    noncompliant = (
        """
        import os
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/as")
        def become():
            user = request.args["uid"]
            os.setuid(user)  # finding
            return "ok"
        """,
        """
        import os

        def lambda_handler(event, context):
            os.chroot(event["root"])  # finding
        """,
    )
    compliant = (
        """
        import os
        import pwd

        def drop():
            entry = pwd.getpwnam("nobody")
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
        """,
        """
        import os
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/as")
        def become():
            user = request.args["user"]
            if user not in (1001, 1002):
                return "no", 403
            os.setuid(user)
            return "ok"
        """,
    )
