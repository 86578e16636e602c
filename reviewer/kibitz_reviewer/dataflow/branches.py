"""Branches and loops: the ways that control takes, each run on its own copy of the state, and where they join."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from kibitz_reviewer.dataflow import fold
from kibitz_reviewer.dataflow.guards import Guards
from kibitz_reviewer.dataflow.state import State, joined
from kibitz_reviewer.dataflow.values import (
    Value,
)

ROUNDS = 3


class GoneError(Exception):
    """The expression does not return: the process ends, or something is raised."""


@dataclass(slots=True)
class _Loop:
    breaks: State | None = None
    continues: State | None = None


@dataclass(slots=True)
class Flowing:
    """Where the ways of the running function that leave the straight line are collected."""

    loops: list[_Loop] = field(default_factory=list)
    tries: list[State | None] = field(default_factory=list)


def _stay() -> None:
    """Nothing is known on this way."""


class Branches(Guards):
    """Runs what chooses between statements, or repeats them."""

    alive: bool = True
    flowing: Flowing

    def run(self, body: Sequence[ast.stmt]) -> None:
        """Run statements in order until control leaves."""
        raise NotImplementedError

    def _if(self, node: ast.If) -> None:
        known = fold.truth(self.eval(node.test))
        self._branches(
            [
                (lambda: self.refine(node.test, True), node.body) if known is not False else None,
                (lambda: self.refine(node.test, False), node.orelse) if known is not True else None,
            ]
        )

    def _branches(self, branches: Sequence[tuple[Callable[[], None], Sequence[ast.stmt]] | None]) -> None:
        """Run each way on its own copy of the state, and join what comes out."""
        start, after = self.state, None
        ways = [branch for branch in branches if branch is not None]
        for index, (enter, body) in enumerate(ways):
            self.state = start if index == len(ways) - 1 else start.copy(self.here.frame)
            self.alive = True
            enter()
            self.run(body)
            if self.alive:
                after = joined(after, self.state)
        self.alive = after is not None
        if after is not None:
            self.state = after

    def _match(self, node: ast.Match) -> None:
        subject = self.eval(node.subject)
        ways: list[tuple[Callable[[], None], Sequence[ast.stmt]] | None] = []
        done = False
        for case in node.cases:
            fits = self._fits(case.pattern, subject)
            if fits is False:
                continue
            ways.append((functools.partial(self._enter_case, case, subject), case.body))
            if fits is True and case.guard is None:
                done = True
                break
        if not done:
            ways.append((_stay, []))
        self._branches(ways)

    def _enter_case(self, case: ast.match_case, subject: Value) -> None:
        for part in ast.walk(case.pattern):
            if isinstance(part, ast.MatchAs | ast.MatchStar) and part.name:
                inside = (
                    subject if part is case.pattern else self.iterated(subject) if subject.refs else subject
                )
                self.state.frames.setdefault(self.here.frame, {})[part.name] = inside
            elif isinstance(part, ast.MatchMapping) and part.rest:
                self.state.frames.setdefault(self.here.frame, {})[part.rest] = subject
        if isinstance(case.pattern, ast.MatchValue) or (
            isinstance(case.pattern, ast.MatchOr)
            and all(isinstance(p, ast.MatchValue) for p in case.pattern.patterns)
        ):
            self.clean_value(subject, ["*"])
        if case.guard is not None:
            self.eval(case.guard)
            self.refine(case.guard, True)

    def _fits(self, pattern: ast.pattern, subject: Value) -> bool | None:
        """Whether a pattern surely fits, or surely does not."""
        if isinstance(pattern, ast.MatchAs) and pattern.pattern is None:
            return True
        if isinstance(pattern, ast.MatchOr):
            fits = [self._fits(each, subject) for each in pattern.patterns]
            return True if True in fits else False if all(fit is False for fit in fits) else None
        if isinstance(pattern, ast.MatchValue | ast.MatchSingleton) and subject.constants is not None:
            value = (
                self.eval(pattern.value)
                if isinstance(pattern, ast.MatchValue)
                else Value(constants=(pattern.value,))
            )
            if value.constants is None or len(value.constants) != 1:
                return None
            equal = {constant == value.constants[0] for constant in subject.constants}
            return equal.pop() if len(equal) == 1 else None
        return None

    # Loops

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        source = self.eval(node.iter)
        items = self.known_items(source)
        element = self.iterated(source)
        never = items is not None and not items

        def enter() -> bool:
            self.assign(node.target, element, node.iter)
            return True

        if never:
            self.run(node.orelse)
        else:
            self._loop(enter, node.body, node.orelse, lambda: None, at_least_once=bool(items))

    def _while(self, node: ast.While) -> None:
        def enter() -> bool:
            known = fold.truth(self.eval(node.test))
            if known is not False:
                self.refine(node.test, True)
            return known is not False

        endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
        self._loop(enter, node.body, node.orelse, lambda: self.refine(node.test, False), endless=endless)

    def _loop(
        self,
        enter: Callable[[], bool],
        body: Sequence[ast.stmt],
        orelse: Sequence[ast.stmt],
        leave: Callable[[], None],
        *,
        endless: bool = False,
        at_least_once: bool = False,
    ) -> None:
        loop = _Loop()
        self.flowing.loops.append(loop)
        head: State = self.state
        last: State | None = None
        for _ in range(ROUNDS):
            self.state = head.copy(self.here.frame)
            self.alive = True
            loop.continues = None
            if not enter():
                break
            self.run(body)
            last = joined(self.state if self.alive else None, loop.continues)
            following = joined(head, last)
            if following is None or following.same(head):
                break
            head = following
        self.flowing.loops.pop()
        if endless:
            after: State | None = None
        elif at_least_once:
            # The loop is known to turn: what its turns overwrite is gone.
            after = last
        else:
            after = head
        if after is not None:
            self.state, self.alive = after, True
            leave()
            self.run(orelse)
            after = self.state if self.alive else None
        after = joined(after, loop.breaks)
        self.alive = after is not None
        if after is not None:
            self.state = after

    def _break(self, node: ast.Break) -> None:
        if self.flowing.loops:
            loop = self.flowing.loops[-1]
            loop.breaks = joined(loop.breaks, self.state)
        self.alive = False

    def _continue(self, node: ast.Continue) -> None:
        if self.flowing.loops:
            loop = self.flowing.loops[-1]
            loop.continues = joined(loop.continues, self.state)
        self.alive = False

    BRANCHES: ClassVar[dict[type[ast.AST], Callable[[Any, Any], None]]] = {
        ast.If: _if,
        ast.Match: _match,
        ast.For: _for,
        ast.AsyncFor: _for,
        ast.While: _while,
        ast.Break: _break,
        ast.Continue: _continue,
    }
