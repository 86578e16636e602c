"""Verify: whether a revision is slower than another, for a gate that rolls back."""

from kibitz_server.verify.judge import Blocks, Change, Judgement, Limits, Verdict, judge

__all__ = ["Blocks", "Change", "Judgement", "Limits", "Verdict", "judge"]
