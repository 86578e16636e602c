"""Text wrapped in a hot path: the problem, and its repair."""

import textwrap

TEXT = "lorem ipsum dolor " * 40


def wasteful():
    textwrap.fill(TEXT, 70)


def repaired():
    TEXT[:70]
