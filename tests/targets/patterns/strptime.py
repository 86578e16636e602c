"""Dates parsed with strptime: the problem, and its repair."""

from datetime import datetime


def wasteful():
    for _ in range(50):
        datetime.strptime("2024-05-06 07:08:09", "%Y-%m-%d %H:%M:%S")


def repaired():
    for _ in range(50):
        datetime.fromisoformat("2024-05-06 07:08:09")
