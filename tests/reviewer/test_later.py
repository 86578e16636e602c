"""libcst is loaded when something needs it, and not before."""

from __future__ import annotations

import subprocess
import sys

from kibitz_reviewer.engines.later import cst


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_review_without_fixes_does_not_load_libcst() -> None:
    code = """
import sys
from kibitz_reviewer.runner import review_source
result = review_source("import yaml\\nyaml.load(open('x'))\\n", "a.py", fixes=False)
print(len(result.findings) > 0, "libcst" in sys.modules)
"""
    assert run(code) == "True False"


def test_what_is_loaded_later_is_libcst_itself() -> None:
    import libcst

    assert cst.Name is libcst.Name
    assert isinstance(libcst.parse_expression("x"), cst.Name)
    assert not hasattr(cst, "NoSuchNode")
