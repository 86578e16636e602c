"""Notebooks are read cell by cell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kibitz_reviewer.engines.notebook import source_of
from kibitz_reviewer.runner import Target, review_file


def notebook(*sources: str) -> str:
    cells = [
        {"cell_type": "code", "execution_count": n, "source": source.splitlines(keepends=True)}
        for n, source in enumerate(sources, 1)
    ]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": "# Title"}, *cells], "nbformat": 4})


def test_cells_become_one_source_with_their_numbers() -> None:
    text = source_of(notebook("x = 1\nprint(x)", "%matplotlib inline\n!ls\ny = 2"))
    assert text.splitlines() == [
        "# %% cell 2, execution 1",
        "x = 1",
        "print(x)",
        "# %% cell 3, execution 2",
        "pass  # %matplotlib inline",
        "pass  # !ls",
        "y = 2",
    ]


def test_a_notebook_is_reviewed(tmp_path: Path) -> None:
    content = notebook("import yaml", "yaml.load(text)").encode()
    result = review_file(Target("a.ipynb", tmp_path / "a.ipynb", content))
    assert [(f.rule, f.line, f.fix) for f in result.findings] == [("unsafe-yaml-load", 4, None)]


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"cells": 1}'], ids=["broken", "list", "number"])
def test_what_is_no_notebook_is_a_problem(content: bytes, tmp_path: Path) -> None:
    (problem,) = review_file(Target("a.ipynb", tmp_path / "a.ipynb", content)).problems
    assert problem.broken
