"""Duplicate code: what counts as the same, what never does, and who is told."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

from kibitz_reviewer.duplicates.clones import clones
from kibitz_reviewer.duplicates.runs import runs
from kibitz_reviewer.duplicates.shape import Shape, lines_of, shape_of
from kibitz_reviewer.finding import Confidence
from kibitz_reviewer.rules.duplication.duplicate_code import DuplicateCode
from kibitz_reviewer.runner import Target, review

LOAD = """
def load(path, table):
    rows = []
    with open(path) as file:
        for line in file:
            cells = line.strip().split(",")
            if len(cells) != 3:
                raise ValueError(f"{path}: {line!r}")
            rows.append((cells[0], int(cells[1]), table.get(cells[2])))
    rows.sort()
    return rows
"""
#: The same with other names, other values, other layout, comments and a docstring.
FETCH = '''
import os


def fetch(name, known):
    """Read a file."""
    found = []  # what is given back
    with open(name) as stream:

        for entry in stream:
            parts = entry.strip().split(";")
            if len(parts) != 4:
                raise ValueError(
                    f"{name} has {entry!r}",
                )
            found.append(
                (parts[0], int(parts[1]), known.get(parts[2]))
            )
    found.sort()
    return found
'''


def found(*texts: str, changed: Mapping[str, frozenset[int]] | None = None) -> list[tuple[str, int, int]]:
    files = {f"f{number}.py": textwrap.dedent(text) for number, text in enumerate(texts)}
    shapes = {path: shape_of(text) for path, text in files.items()}
    findings = DuplicateCode().among(shapes, files.__getitem__, changed or {})
    return [(f.path, f.line, f.end_line) for f in findings]


def test_a_copy_with_other_names_values_and_layout_is_a_clone() -> None:
    assert found(LOAD, FETCH) == [("f0.py", 2, 11)]


def test_a_clone_class_is_told_once_with_all_its_places() -> None:
    files = {"a.py": LOAD, "b.py": "x = 1\n" + LOAD, "c.py": FETCH}
    shapes = {path: shape_of(text) for path, text in files.items()}
    (finding,) = DuplicateCode().among(shapes, files.__getitem__, {})
    assert finding.path == "a.py"
    assert "b.py lines 3-12" in finding.message
    assert "c.py lines 5-20" in finding.message


def test_a_copy_in_the_same_file_is_a_clone() -> None:
    assert found(LOAD + FETCH) == [("f0.py", 2, 11)]


def test_a_change_is_told_only_of_clones_that_it_is_part_of() -> None:
    assert found(LOAD, FETCH, changed={"f1.py": frozenset({11})}) == [("f1.py", 11, 11)]
    assert found(LOAD, FETCH, changed={"f1.py": frozenset({2})}) == []


def test_a_piece_of_a_function_is_a_clone() -> None:
    other = LOAD.replace("    rows = []\n", "    rows = []\n    print(path)\n").replace("load", "show")
    assert found(LOAD, other) == [("f0.py", 4, 11)]


def test_other_attributes_and_other_builtins_are_other_code() -> None:
    other = LOAD.replace("strip", "lower").replace("int(", "float(").replace("sort", "clear")
    assert found(LOAD, other) == []


def test_names_that_do_not_correspond_make_other_code() -> None:
    one = "def f(a, b, c, d):\n" + "".join(
        f"    {x} = first({y}, {z})\n    second({z}).third[{x}] = {y}\n    fourth({x}, {z}, {y}).fifth = {z}\n"
        for x, y, z in ("abc", "bcd", "cda")
    )
    two = "def f(a, b, c, d):\n" + "".join(
        f"    {x} = first({y}, {z})\n    second({x}).third[{z}] = {x}\n    fourth({y}, {y}, {x}).fifth = {y}\n"
        for x, y, z in ("abc", "dab", "cbd")
    )
    shapes = {"a.py": shape_of(one), "b.py": shape_of(two)}
    texts = {"a.py": one, "b.py": two}
    assert clones(shapes, texts.__getitem__) == []


def test_imports_licences_tables_and_declarations_are_no_clones() -> None:
    head = (
        "# Copyright\n" * 30
        + '"""What it is."""\n'
        + "".join(f"import a{n}\nfrom b import c{n}\n" for n in range(20))
    )
    table = "".join(
        f"KEY_{n} = {{'name': 'n{n}', 'size': [{n}, 2.5, None], 'on': True}}\n" for n in range(30)
    )
    record = "class A:\n" + "".join(
        f"    field_{n}: dict[str, int] = field(default_factory=dict)\n" for n in range(20)
    )
    assert found(head, head) == []
    assert found(table, table) == []
    assert found(record, record) == []


def test_a_row_of_equal_calls_is_no_clone() -> None:
    calls = "".join(
        f"parser.add_argument('--flag{n}', help='what {n} does', default={n})\n" for n in range(40)
    )
    assert found(calls, calls) == []


def test_the_end_of_one_function_and_the_start_of_the_next_are_no_clone() -> None:
    end = "    log(value)\n    value.close()\n    return value\n\n\n"
    start = "def second(path, mode):\n    check(path)\n    size = path.stat().st_size\n"
    one = f"def first(value):\n    one(value)\n{end}{start}    return size\n"
    two = f"def other(value):\n    two(value, 2)\n{end}{start}    raise Full(size)\n"
    assert found(one, two) == []


def test_tests_may_repeat_themselves() -> None:
    files = {"tests/test_a.py": LOAD, "tests/test_b.py": FETCH}
    shapes = {path: shape_of(text) for path, text in files.items()}
    assert list(DuplicateCode().among(shapes, files.__getitem__, {})) == []


def test_a_long_clone_in_tests_is_told_with_low_confidence() -> None:
    more = "".join(
        f"    rows.{verb}(path, table)\n" for verb in ("push", "pull", "turn", "move", "lift", "drop")
    )
    text = LOAD.replace("    rows.sort()\n", more)
    files = {"tests/test_a.py": text, "tests/test_b.py": text.replace("rows", "lines")}
    shapes = {path: shape_of(source) for path, source in files.items()}
    (finding,) = DuplicateCode().among(shapes, files.__getitem__, {})
    assert finding.confidence == Confidence.LOW


def test_a_shape_survives_its_way_through_a_file() -> None:
    shape = shape_of(LOAD)
    again = Shape.of_lists(shape.as_lists())
    assert again == shape
    assert Shape.of_lists(None) is None


def test_a_run_is_as_long_as_all_its_places_agree() -> None:
    shapes = {"a.py": shape_of(LOAD), "b.py": shape_of("def g():\n    pass\n" + LOAD + "print(1)\n")}
    ((first, second),) = runs(shapes)
    assert (first.line, first.end_line, second.line, second.end_line) == (2, 11, 4, 13)


def test_lines_are_counted_through_strings_and_continuations() -> None:
    text = 'x = f("""a\n\nb""") + \\\n    2\ny = (\n    3,\n)\n'
    assert [(line.start, line.end) for line in lines_of(text)] == [(1, 4), (5, 7)]


def test_hostile_text_has_a_shape_too() -> None:
    for text in (
        "(" * 100_000,
        "'" * 100_001,
        '"""' * 50_001,
        "\\\n" * 50_000,
        "a." * 100_000,
        "\r" * 10,
        "\ufeff#",
    ):
        assert len(shape_of(text)) <= 1


def test_a_review_compares_its_files_and_counts_what_a_comment_answers(tmp_path: Path) -> None:
    for name, text in (("a.py", LOAD), ("b.py", FETCH)):
        (tmp_path / name).write_text(text)
    targets = [Target(name, tmp_path / name) for name in ("a.py", "b.py")]
    assert [(f.rule, f.path) for f in review(targets).findings] == [("duplicate-code", "a.py")]
    (tmp_path / "a.py").write_text(
        LOAD.replace("table):", "table):  # kibitz: ignore[duplicate-code] on purpose")
    )
    result = review(targets)
    assert (result.findings, result.suppressed) == ([], 1)


def test_the_cache_remembers_shapes(tmp_path: Path) -> None:
    for name, text in (("a.py", LOAD), ("b.py", FETCH)):
        (tmp_path / name).write_text(text)
    targets = [Target(name, tmp_path / name) for name in ("a.py", "b.py")]
    first, second = (review(targets, cache=tmp_path / "cache").findings for _ in range(2))
    assert first == second
    assert [f.rule for f in second] == ["duplicate-code"]


def test_a_change_is_compared_with_the_files_around_it(tmp_path: Path) -> None:
    for name, text in (("a.py", LOAD), ("b.py", FETCH)):
        (tmp_path / name).write_text(text)
    target = Target("b.py", tmp_path / "b.py", changed=frozenset({12}))
    result = review([target], others=[Target("a.py", tmp_path / "a.py")])
    assert [(f.rule, f.path, f.line) for f in result.findings] == [("duplicate-code", "b.py", 12)]
    assert review([target]).findings == []
