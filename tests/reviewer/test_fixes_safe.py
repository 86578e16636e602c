"""Fixes called safe keep behaviour: programs run before and after them do the same."""

from __future__ import annotations

import sys
import textwrap

import pytest

from kibitz_reviewer.fixes import apply_edits, compatible
from kibitz_reviewer.rule import Applicability, all_rules
from kibitz_reviewer.runner import review_source

SAFE = {rule.id for rule in all_rules() if rule.fix is Applicability.SAFE}

#: Programs by the rule whose fix they get; each leaves what it came to in ``outcome``.
PROGRAMS = [
    (
        "identity-of-literal",
        """
        def kind(value):
            if value is 0:
                return "none"
            return "text" if value is not () else "empty"

        outcome = [kind(0), kind(1), kind("a"), kind(())]
        """,
    ),
    (
        "rethrown-exception",
        """
        def read(table, key):
            # what the table holds
            try:
                value = table[key]
                value += 1
            except KeyError as error:
                raise error
            return value

        def guarded(table, key):
            done = []
            try:
                return read(table, key), done
            except KeyError:
                raise
            finally:
                done.append(key)

        outcome = [guarded({"a": 1}, "a")]
        try:
            guarded({}, "b")
        except KeyError as error:
            outcome.append(repr(error))
        """,
    ),
    (
        "rethrown-exception",
        """
        def first(items):
            try:
                return items[0]
            except IndexError:
                return None
            except TypeError as error:
                raise error

        outcome = [first([1]), first([])]
        try:
            first(3)
        except TypeError as error:
            outcome.append(str(error))
        """,
    ),
    (
        "hashlib-new",
        """
        import hashlib

        def digest(data):
            return hashlib.new("SHA-256".replace("-", ""), data).hexdigest(), hashlib.new("sha1", data).hexdigest()

        def empty():
            made = hashlib.new("md5", usedforsecurity=False)
            made.update(b"x")
            return made.hexdigest()

        outcome = [digest(b"abc"), empty(), hashlib.new(name="sha512", data=b"a").hexdigest()]
        """,
    ),
    (
        "regex-in-function",
        """
        import re

        # Words are what stands between spaces.
        def words(text):
            pattern = re.compile(r"[a-z]+", re.I)
            return pattern.findall(text)

        def numbers(lines):
            for line in lines:
                yield re.compile(r"\\d+").findall(line)

        class Page:
            def title(self, text):
                found = re.compile("<title>(.*?)</title>").search(text)
                return found[1] if found else ""

        outcome = [words("One two 3"), list(numbers(["1 2", "x"])), Page().title("<title>a</title>"), words.__name__]
        """,
    ),
    (
        "debug-mode",
        """
        class Flask:
            def __init__(self, name):
                self.debug = False

            def run(self, host="", port=0, debug=None, **rest):
                self.ran = host, port, rest

        import sys, types
        sys.modules["flask"] = types.SimpleNamespace(Flask=Flask)
        from flask import Flask

        app = Flask(__name__)
        app.run("127.0.0.1", 8000, debug=True, threaded=False)
        outcome = [app.ran]
        """,
    ),
    (
        "deprecated-call",
        """
        import array
        import logging
        import threading
        import warnings

        warnings.simplefilter("ignore")
        records = []

        class Kept(logging.Handler):
            def emit(self, record):
                records.append((record.levelname, record.getMessage()))

        logger = logging.getLogger("fixed")
        logger.handlers[:] = [Kept()]
        logger.propagate = False
        logger.warn("old %s", "way")
        outcome = [records, threading.currentThread().name, threading.activeCount() > 0]
        """,
    ),
]


def run(source: str) -> object:
    names: dict[str, object] = {"__name__": "program"}
    flask = sys.modules.get("flask")
    try:
        exec(compile(source, "<program>", "exec", dont_inherit=True), names)
    finally:
        # A program may bring its own.
        sys.modules.pop("flask", None)
        if flask is not None:
            sys.modules["flask"] = flask
    return names["outcome"]


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize(("rule", "program"), PROGRAMS)
def test_a_safe_fix_keeps_what_a_program_does(rule: str, program: str) -> None:
    source = textwrap.dedent(program).strip() + "\n"
    text, made = source, 0
    for _ in range(8):
        offers = [
            f.fix for f in review_source(text, "app.py").findings if f.rule == rule and f.fix is not None
        ]
        edits = compatible(offer for offer in offers if offer.safe)
        if not edits:
            break
        text, made = apply_edits(text, edits), made + 1
    assert made, source
    assert not [f for f in review_source(text, "app.py").findings if f.rule == rule and f.fix is not None]
    assert run(source) == run(text)


def test_every_safe_fix_is_run() -> None:
    assert {rule for rule, _ in PROGRAMS} == SAFE
