"""Recommendations: ways to waste time that a profile shows, and what to do about each."""

from kibitz_server.recommendations import written
from kibitz_server.recommendations.calls import Calls, calls_of_profile, calls_of_samples, calls_of_stacks
from kibitz_server.recommendations.catalogue import catalogue
from kibitz_server.recommendations.matching import Match, Recommendation, recommend
from kibitz_server.recommendations.pattern import Pattern, PatternError

__all__ = [
    "Calls",
    "Match",
    "Pattern",
    "PatternError",
    "Recommendation",
    "calls_of_profile",
    "calls_of_samples",
    "calls_of_stacks",
    "catalogue",
    "recommend",
    "written",
]
