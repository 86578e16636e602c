"""Calls with a better one beside them."""

from __future__ import annotations

import ast

from kibitz_reviewer.engines.call_table import CallTable
from kibitz_reviewer.engines.edits import calling
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Confidence, Severity

PLAINER = {"exit": "sys.exit", "quit": "sys.exit", "imp.reload": "importlib.reload"}


class QuestionableCall(CallTable):
    """Function has a newer or plainer one beside it.

    It is slower, harder to read, or surprises with some values.

    Use the function named in the finding.
    """

    severity = Severity.LOW
    confidence = Confidence.MEDIUM
    cwe = (1177,)
    aliases = ("python/not-recommended-apis-low@v1.0",)
    fix = Applicability.SUGGESTED
    fix_title = "Call the plainer one"
    noncompliant = (
        """
        import optparse

        def parse():
            return optparse.OptionParser().parse_args()  # finding
        """,
        """
        def main():
            exit(1)  # finding
        """,
    )
    compliant = (
        """
        import argparse
        import sys

        def parse():
            if len(sys.argv) < 2:
                sys.exit("which?")
            return argparse.ArgumentParser().parse_args()
        """,
        """
        def exit(code):
            return code

        exit(1)
        """,
    )

    table = {
        "os.errno": "`errno`",
        "os.path.walk": "`os.walk`",
        "os.getcwdb": "`os.getcwd`",
        "xml.etree.ElementTree.Element().getchildren": "`list(element)`",
        "asyncio.get_event_loop": "`asyncio.get_running_loop` or `asyncio.run`",
        "unittest.TestCase().assertEquals": "`assertEqual`",
        "optparse.OptionParser": "`argparse.ArgumentParser`",
        "os.popen": "`subprocess.run`",
        "imp.reload": "`importlib.reload`",
        "string.Formatter().vformat_unsafe": "`str.format`",
        "thread.start_new_thread": "`threading.Thread`",
        "_thread.start_new_thread": "`threading.Thread`",
        "exit": "`sys.exit`",
        "quit": "`sys.exit`",
        "os._exit": "`sys.exit`, which lets handlers run",
        "getopt.getopt": "`argparse.ArgumentParser`",
    }

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        if not isinstance(node, cst.Call):
            return None
        name = (
            repair.module.qualified_name(repair.target.func) if isinstance(repair.target, ast.Call) else None
        )
        better = PLAINER.get(name or "")
        if better is None:
            return None
        repair.add_import(better.partition(".")[0])
        if name == "imp.reload":
            repair.drop_import("imp")
        return calling(node, better)
