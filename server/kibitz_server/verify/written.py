"""A judgement as JSON and as Markdown."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from kibitz_server.verify.judge import Judgement


def fields(judgement: Judgement) -> dict[str, Any]:
    """As plain data; growth that could not be told is null."""
    plain = asdict(judgement)
    plain["verdict"] = judgement.verdict.value
    if judgement.detectable == float("inf"):
        plain["detectable"] = None
    for name in ("blocks", "hosts"):
        before, after = getattr(judgement, name)
        plain[name] = {"baseline": before, "candidate": after}
    return plain


def markdown(plain: dict[str, Any]) -> str:
    """For a pull request or a deployment's log."""
    blocks, hosts = plain["blocks"], plain["hosts"]
    lines = [
        f"**{plain['verdict'].capitalize()}**: {plain['reason']}.",
        "",
        f"Compared {blocks['baseline']} host-hours on {hosts['baseline']} hosts with {blocks['candidate']} on {hosts['candidate']}.",
    ]
    if plain["regressions"]:
        lines += ["", "| function | change | bounds | share |", "|---|---|---|---|"]
        lines += [
            f"| `{one['frame']}` | {one['estimate']:+.1%} | {one['low']:+.1%} to {one['high']:+.1%} | {one['share']:.1%} |"
            for one in plain["regressions"]
        ]
    return "\n".join(lines) + "\n"
