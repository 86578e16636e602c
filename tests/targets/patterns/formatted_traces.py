"""Traces formatted as part of the ordinary course: the problem, and its repair."""

import traceback


def wasteful():
    try:
        int("x")
    except ValueError:
        traceback.format_exc()


def repaired():
    try:
        int("x")
    except ValueError as error:
        repr(error)
