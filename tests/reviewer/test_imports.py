"""Imports that fixes add and take away."""

from __future__ import annotations

import pytest

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.finding import Edit
from kibitz_reviewer.fixes import apply_edits
from kibitz_reviewer.imports import added_imports, without_unused


def added(source: str, *wanted: tuple[str, str | None]) -> str | None:
    edits = added_imports(Module(source), wanted, "\n")
    return None if edits is None else apply_edits(source, edits)


@pytest.mark.parametrize(
    ("source", "wanted", "expected"),
    [
        ("x = 1\n", ("os", None), "import os\n\nx = 1\n"),
        ('"""What."""\n\nx = 1\n', ("os", None), '"""What."""\n\nimport os\n\nx = 1\n'),
        ("import sys\nx = 1\n", ("os", None), "import sys\nimport os\nx = 1\n"),
        ("import os\nx = 1\n", ("os", None), "import os\nx = 1\n"),
        ("from a import b\nx = 1\n", ("a", "c"), "from a import b, c\nx = 1\n"),
        ("from a import (\n    b,\n)\n", ("a", "c"), "from a import (\n    b,\n)\nfrom a import c\n"),
        ("from __future__ import annotations\nx = 1\n", ("os", None), "from __future__ import annotations\nimport os\nx = 1\n"),
    ],
)  # fmt: skip
def test_import_is_added_where_it_belongs(source: str, wanted: tuple[str, str | None], expected: str) -> None:
    assert added(source, wanted) == expected


@pytest.mark.parametrize(
    "source", ["os = 1\n", "def f(os):\n    return os\n", "def f():\n    os = 2\n    return os\n"]
)
def test_a_name_that_means_something_else_is_left_alone(source: str) -> None:
    assert added(source, ("os", None)) is None


def test_import_is_taken_away_only_if_nothing_uses_it() -> None:
    source = "import os\nimport sys\nos.system('x')\nprint(sys.argv, os.name)\n"
    module = Module(source)
    assert without_unused(module, ["os"], [Edit(3, 3, "run('x')\n")]) == []
    both = [Edit(3, 3, "run('x')\n"), Edit(4, 4, "print(sys.argv)\n")]
    assert without_unused(module, ["os", "sys"], both) == [Edit(1, 1, "")]
    assert without_unused(module, ["os"], [Edit(3, 4, "os.remove('x')\n")]) == []
