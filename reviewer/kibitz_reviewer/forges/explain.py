"""What a rule is about, as an answer in a thread."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from kibitz_reviewer.forges.markdown import block, code, escaped
from kibitz_reviewer.rule import rule_named

MAX_CHARACTERS = 6_000


def explanation(rules: Iterable[str]) -> str:
    """The documentation of ``rules`` with an example of each kind, cut to what a comment holds."""
    parts = [_about(name) for name in rules]
    text = (
        "\n\n".join(parts) or "The finding of this thread is no longer there, so there is nothing to explain."
    )
    return text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS].replace("```", "'''") + " (cut)"


def _about(name: str) -> str:
    rule = rule_named(name)
    if rule is None:
        return f"{code(name)}: a message of another tool; its documentation says more."
    parts = [f"**{escaped(rule.name)}** ({code(rule.id)})", *map(escaped, rule.help.split("\n\n"))]
    for title, examples in (("Noncompliant", rule.noncompliant), ("Compliant", rule.compliant)):
        parts += [
            f"{title}:\n\n{block(textwrap.dedent(text).strip(chr(10)), 'python')}" for text in examples[:1]
        ]
    return "\n\n".join(parts)
