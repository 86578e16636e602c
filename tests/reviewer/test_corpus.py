"""How much of a labelled corpus is found, and how much is found that is not there; by category.

Flows are composed: each way a value can travel, into each sink, in from each framework. The other snippets stand in
text files, written one by one. `pytest -s tests/reviewer/test_corpus.py` prints the table.
"""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from kibitz_reviewer.rule import all_rules, rule_named
from kibitz_reviewer.runner import review_source

CORPUS = Path(__file__).parent / "corpus"
MARK = re.compile(r"# finding: ([\w, -]+)$")
RECALL, FALSE_POSITIVES = 0.95, 0.03


@dataclass(frozen=True, slots=True)
class Snippet:
    """A source, the rules it is about, and (line, rule) of what must be found in it."""

    name: str
    source: str
    about: frozenset[str]
    expected: frozenset[tuple[int, str]]
    category: str


def part(name: str) -> dict[str, Any]:
    return tomllib.loads((CORPUS / name).read_text(encoding="utf-8"))


def composed() -> Iterator[Snippet]:
    """Every carrier into every sink, the frameworks in turn."""
    carriers, sinks = part("carriers.toml"), part("sinks.toml")["sink"]
    frameworks = cycle(part("sources.toml")["frameworks"].items())
    for sink in sinks:
        for kind in ("harmful", "harmless"):
            for name, statements in carriers[kind].items():
                framework, text = next(frameworks)
                yield flow(f"{framework}, {name}", text, statements, sink, harmful=kind == "harmful")


def flow(name: str, text: str, statements: str, sink: dict[str, str], *, harmful: bool) -> Snippet:
    """One source, carrier and sink put together; the finding is due on the sink's line that names ``x``."""
    last = [line for line in sink["code"].strip().splitlines() if re.search(r"\bx\b", line)][-1]
    body = f"{statements.strip()}\n{sink['code'].strip()}\nreturn ''"
    indent = re.search(r"^( *)BODY", text, re.MULTILINE)[1]
    source = text.strip().replace(indent + "BODY", textwrap.indent(body, indent)) + "\n"
    line = max(n for n, each in enumerate(source.splitlines(), 1) if each.strip() == last.strip())
    expected = frozenset({(line, sink["rule"])}) if harmful else frozenset()
    return Snippet(f"{sink['rule']}: {name}", source, frozenset({sink["rule"]}), expected, "flows")


def blocks() -> Iterator[tuple[str, int, str]]:
    """The files' names, and each block's number and text."""
    for file in sorted(CORPUS.glob("*.txt")):
        for number, block in enumerate(file.read_text(encoding="utf-8").split("\n=== ")[1:]):
            yield file.name, number, block


def written() -> Iterator[Snippet]:
    """The snippets of the text files."""
    by_alias: dict[str, set[str]] = {}
    for rule in all_rules():
        by_alias.setdefault(rule.id, set()).add(rule.id)
        for alias in rule.aliases:
            by_alias.setdefault(alias.partition("/")[2].partition("@")[0], set()).add(rule.id)
    for file, number, block in blocks():
        name, _, source = block.partition("\n")
        expected = set()
        for line, text in enumerate(source.splitlines(), 1):
            match = MARK.search(text)
            expected |= {(line, each.strip()) for each in match[1].split(",")} if match else set()
        about = set().union(*(by_alias[each.strip()] for each in name.split(",")))
        # A comment beside a handler explains it: the marks are for this test alone.
        source = "\n".join(MARK.sub("", text).rstrip() for text in source.splitlines()) + "\n"
        category = rule_named(sorted(about)[0]).category
        yield Snippet(
            f"{file} {number}: {name.strip()}", source, frozenset(about), frozenset(expected), category
        )


@dataclass(frozen=True, slots=True)
class Score:
    """What came of a category: snippets with and without marks, marks found and missed, silent snippets that were not."""

    noncompliant: int
    compliant: int
    found: int
    missed: tuple[str, ...]
    wrong: tuple[str, ...]


@cache
def scores() -> dict[str, Score]:
    snippets = [*composed(), *written()]
    bad: Counter[str] = Counter()
    good: Counter[str] = Counter()
    found: Counter[str] = Counter()
    missed: dict[str, list[str]] = {}
    wrong: dict[str, list[str]] = {}
    for snippet in snippets:
        review = review_source(snippet.source, "app.py")
        assert review.problems == [], snippet.name
        got = {(f.line, f.rule) for f in review.findings if f.rule in snippet.about}
        (bad if snippet.expected else good)[snippet.category] += 1
        found[snippet.category] += len(got & snippet.expected)
        missed.setdefault(snippet.category, []).extend(f"{snippet.name} {m}" for m in snippet.expected - got)
        if got - snippet.expected:
            wrong.setdefault(snippet.category, []).append(f"{snippet.name} {sorted(got - snippet.expected)}")
    return {
        c: Score(bad[c], good[c], found[c], tuple(missed.get(c, ())), tuple(wrong.get(c, ())))
        for c in sorted({*bad, *good})
    }


def test_the_corpus_is_large_and_half_of_it_compliant() -> None:
    table = scores().values()
    bad, good = sum(s.noncompliant for s in table), sum(s.compliant for s in table)
    assert bad + good >= 600
    assert good >= (bad + good) // 3


def test_enough_is_found_in_each_category() -> None:
    for category, score in scores().items():
        marks = score.found + len(score.missed)
        if marks:
            assert score.found / marks >= RECALL, (category, score.missed)


def test_little_is_found_that_is_not_there() -> None:
    for category, score in scores().items():
        assert len(score.wrong) / (score.noncompliant + score.compliant) <= FALSE_POSITIVES, (
            category,
            score.wrong,
        )


def test_the_table_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        for category, score in scores().items():
            marks = score.found + len(score.missed)
            print(
                f"\n{category:12} noncompliant {score.noncompliant:4} compliant {score.compliant:4} "
                f"found {score.found}/{marks} wrong {len(score.wrong)}",
                end="",
            )
    assert scores()
