"""Old ways to start programs."""

from __future__ import annotations

from kibitz_reviewer.engines.call_table import CallTable
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.engines.shell_fix import without_shell
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Severity


class OutdatedSubprocessCall(CallTable):
    """Program is started in an old way that hides its failures.

    `os.system`, `os.popen` and `os.spawn*` go through a shell or lose the exit status; the `commands` and `popen2` modules are
    gone.

    Use `subprocess.run([...], check=True)`.
    """

    severity = Severity.LOW
    confidence = Confidence.MEDIUM
    cwe = (1106,)
    aliases = ("python/subprocess-correct-api@v1.0",)
    triggers = ("os", "popen2", "commands", "subprocess")
    fix = Applicability.SUGGESTED
    fix_title = "Pass a list of arguments, without a shell"
    noncompliant = (
        """
        import os

        def clean():
            os.system("make clean")  # finding
            return os.popen("ls").read()  # finding
        """,
    )
    compliant = (
        """
        import subprocess

        def clean():
            subprocess.run(["make", "clean"], check=True)
            return subprocess.check_output(["ls"], text=True)
        """,
        """
        import os

        def who():
            return os.getpid(), os.path.exists("x"), os.environ["HOME"]
        """,
    )

    table = {
        "os.system": "`subprocess.run([...], check=True)`",
        "os.popen": "`subprocess.run([...], check=True)`",
        "os.popen2": "`subprocess.run([...], check=True)`",
        "os.popen3": "`subprocess.run([...], check=True)`",
        "os.popen4": "`subprocess.run([...], check=True)`",
        "os.spawnl": "`subprocess.run([...], check=True)`",
        "os.spawnle": "`subprocess.run([...], check=True)`",
        "os.spawnlp": "`subprocess.run([...], check=True)`",
        "os.spawnlpe": "`subprocess.run([...], check=True)`",
        "os.spawnv": "`subprocess.run([...], check=True)`",
        "os.spawnve": "`subprocess.run([...], check=True)`",
        "os.spawnvp": "`subprocess.run([...], check=True)`",
        "os.spawnvpe": "`subprocess.run([...], check=True)`",
        "commands.getoutput": "`subprocess.run([...], check=True)`",
        "commands.getstatusoutput": "`subprocess.run([...], check=True)`",
        "popen2.popen2": "`subprocess.run([...], check=True)`",
        "popen2.popen3": "`subprocess.run([...], check=True)`",
        "popen2.popen4": "`subprocess.run([...], check=True)`",
        "popen2.Popen3": "`subprocess.run([...], check=True)`",
        "popen2.Popen4": "`subprocess.run([...], check=True)`",
        "subprocess.getoutput": "`subprocess.run([...], check=True)`",
        "subprocess.getstatusoutput": "`subprocess.run([...], check=True)`",
    }

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        return without_shell(node, repair)
