"""TOML parsed again and again: the problem, and its repair."""

import tomllib

TEXT = "[t]\n" + "\n".join(f'k{i} = [1, 2, "three"]' for i in range(80))
PARSED = tomllib.loads(TEXT)


def wasteful():
    tomllib.loads(TEXT)


def repaired():
    sorted(PARSED["t"], key=str)
