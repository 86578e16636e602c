"""Fractions in loops: the problem, and its repair."""

from fractions import Fraction


def wasteful():
    sum((Fraction(1, i) for i in range(1, 40)), Fraction(0))


def repaired():
    sum(840 // i for i in range(1, 400))
