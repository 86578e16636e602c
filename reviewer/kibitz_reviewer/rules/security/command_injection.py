"""Outsiders' values in commands."""

from __future__ import annotations

from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.shell_fix import without_shell
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Severity
from kibitz_reviewer.rule_flow import FlowRule


class CommandInjection(FlowRule):
    """Command is put together with a value that an outsider controls.

    A shell gives meaning to `;`, `|` and `$(...)`, so the value can bring commands of its own. Without a shell it still must not
    choose the program.

    Run a fixed program with a list of arguments and no shell; take what may be chosen from a table of your own.
    """

    severity = Severity.HIGH
    cwe = (77, 78, 88)
    aliases = ("python/os-command-injection@v1.0",)
    triggers = (
        "system",
        "popen",
        "subprocess",
        "getoutput",
        "create_subprocess_shell",
        "create_subprocess_exec",
        "exec_command",
        "execv",
        "execve",
        "execl",
        "execlp",
        "execvp",
        "spawnl",
        "spawnv",
        "spawn",
        "pexpect",
        "popen2",
        "posix_spawn",
    )
    kinds = ("shell",)
    supersedes = ("shell-command",)
    advice = "Run a fixed program with a list of arguments, without a shell."
    fix = Applicability.SUGGESTED
    fix_title = "Pass a list of arguments, without a shell"
    noncompliant = (
        """
        import os
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/ping")
        def ping():
            host = request.args["host"]
            os.system("ping -c 1 " + host)  # finding
            return "done"
        """,
        """
        import subprocess
        import sys

        def archive(folder):
            command = f"tar czf backup.tgz {folder}"
            subprocess.run(command, shell=True, check=True)  # finding

        if __name__ == "__main__":
            archive(sys.argv[1])
        """,
    )
    compliant = (
        """
        import subprocess
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/ping")
        def ping():
            subprocess.run(["ping", "-c", "1", "--", request.args["host"]], check=True)
            return "done"
        """,
        """
        import os
        import shlex
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/count")
        def count():
            os.system("wc -l " + shlex.quote(request.args["name"]))
            return "done"
        """,
        """
        import os
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/restart")
        def restart():
            service = request.form["service"]
            if service not in ("web", "worker"):
                return "unknown service", 400
            os.system("systemctl restart " + service)
            return "done"
        """,
    )

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        return without_shell(node, repair)
