"""The same code in several places."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from kibitz_reviewer.duplicates.clones import clones, lines_in
from kibitz_reviewer.duplicates.runs import Place
from kibitz_reviewer.duplicates.shape import Shape, shape_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.finding import Finding
from kibitz_reviewer.rule import Confidence, Rule, Severity

MAX_NAMED = 4
MIN_LINES_IN_TESTS = 15
_TESTS = re.compile(r"(?:^|/)(?:tests?|testing)/|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.py$")


class DuplicateCode(Rule):
    """Six or more statements stand in several places, the same but for names, values and layout.

    A mistake that is mended in one of them stays in the others. Files are compared with each other; when a change is
    reviewed, with all files of the repository, and only what the change adds is told. Imports, docstrings, declarations
    and tables of constants are no duplicates. Told once for all places; with low confidence where all of them are tests.

    Make a function of what they share, and parameters of what differs.
    """

    severity = Severity.LOW
    confidence = Confidence.MEDIUM
    cwe = (1041,)
    across = True
    noncompliant = (
        """
        def total_of_orders(orders, currency):
            total = 0
            for order in orders:  # finding
                if order.cancelled or not order.lines:
                    continue
                rate = currency.rate(order.currency)
                for line in order.lines:
                    total += line.quantity * line.price * rate
            return round(total, 2)

        def total_of_offers(offers, target):
            result, skipped = 0, []
            for offer in offers:
                if offer.cancelled or not offer.lines:
                    continue
                factor = target.rate(offer.currency)
                for entry in offer.lines:
                    result += entry.quantity * entry.price * factor
            return round(result, 2)
        """,
    )
    compliant = (
        """
        def total(items, currency):
            result = 0
            for item in items:
                if item.cancelled or not item.lines:
                    continue
                rate = currency.rate(item.currency)
                for line in item.lines:
                    result += line.quantity * line.price * rate
            return round(result, 2)

        def total_of_orders(shop, currency):
            return total(shop.orders, currency)

        def total_of_offers(shop, currency):
            return total(shop.offers, currency)
        """,
        """
        class Small:
            width = 10
            height = 20
            margin = 1
            color = "red"
            border = None
            title = "small"
            visible = True

        class Large:
            width = 100
            height = 200
            margin = 4
            color = "blue"
            border = None
            title = "large"
            visible = True
        """,
        """
        def read(path, parse):
            with open(path) as file:
                header = file.readline()
                if not header.startswith("#"):
                    raise ValueError(header)
                for line in file:
                    yield parse(line.split(","))

        def write(path, rows):
            with open(path, "w") as file:
                header = file.tell()
                if not header.bit_length():
                    raise ValueError(header)
                for line in rows:
                    yield file.write(",".join(line))
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        shapes = {module.path: shape_of(module.source)}
        yield from self.among(shapes, lambda _: module.source, {})

    def among(
        self,
        shapes: Mapping[str, Shape],
        text_of: Callable[[str], str],
        changed: Mapping[str, frozenset[int]],
    ) -> Iterator[Finding]:
        """A finding for each clone in files of these shapes; with ``changed`` lines, for each that one of them is part of."""
        for places in clones(shapes, text_of):
            here = _told_at(sorted(places, key=lambda p: (p.path, p.line)), changed)
            if here is not None and not _is_small_in_tests(places):
                yield self._finding(here, places, text_of(here.path), changed.get(here.path))

    def _finding(
        self, here: Place, places: Sequence[Place], text: str, changed: frozenset[int] | None
    ) -> Finding:
        lines = lines_in(text)[here.line - 1 : here.end_line]
        touched = [n for n in range(here.line, here.end_line + 1) if changed is None or n in changed]
        first, last = touched[0], touched[-1]
        line, end = lines[first - here.line], lines[last - here.line]
        in_tests = all(_TESTS.search(place.path) for place in places)
        return Finding(
            rule=self.id,
            path=here.path,
            line=first,
            column=len(line) - len(line.lstrip()) + 1,
            end_line=last,
            end_column=len(end) + 1,
            message=_message(here, places),
            severity=self.severity,
            category=self.category,
            confidence=Confidence.LOW if in_tests else self.confidence,
            cwe=self.cwe,
            snippet="\n".join(lines),
            source_line=line,
        )


def _is_small_in_tests(places: Sequence[Place]) -> bool:
    """Tests say the same things again and again, each for itself, and are read better for it."""
    in_tests = all(_TESTS.search(place.path) for place in places)
    return in_tests and min(place.end_line - place.line + 1 for place in places) < MIN_LINES_IN_TESTS


def _told_at(places: Sequence[Place], changed: Mapping[str, frozenset[int]]) -> Place | None:
    """The first of the places, or the first that a change touches; None if it touches none."""
    if not changed:
        return places[0]
    for place in places:
        lines = changed.get(place.path, frozenset())
        if any(number in lines for number in range(place.line, place.end_line + 1)):
            return place
    return None


def _message(here: Place, places: Sequence[Place]) -> str:
    others = [place for place in sorted(places, key=lambda p: (p.path, p.line)) if place != here]
    named = [f"{'' if p.path == here.path else p.path + ' '}lines {p.line}-{p.end_line}" for p in others]
    more = f" and in {len(named) - MAX_NAMED} more places" if len(named) > MAX_NAMED else ""
    count = here.end_line - here.line + 1
    where = ", ".join(named[:MAX_NAMED])
    return (
        f"These {count} lines (from line {here.line}) stand also in {where}{more}. Make one function of them."
    )
