"""Texts compared by difflib: the problem, and its repair."""

import difflib

A = "the quick brown fox " * 10
B = "the slow brown dog " * 10


def wasteful():
    difflib.SequenceMatcher(None, A, B).ratio()


def repaired():
    A == B or set(A.split()) & set(B.split())
