"""Date formats guessed: the problem, and its repair."""

from datetime import datetime

from dateutil.parser import parse


def wasteful():
    for _ in range(20):
        parse("2024-05-06 07:08:09")


def repaired():
    for _ in range(20):
        datetime.fromisoformat("2024-05-06 07:08:09")
