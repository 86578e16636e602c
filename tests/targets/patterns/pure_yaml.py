"""YAML read or written in pure Python: the problem, and its repair."""

import yaml

TEXT = yaml.safe_dump({f"k{i}": [1, "two", {"three": 3.0}] for i in range(40)})


def wasteful():
    yaml.load(TEXT, yaml.SafeLoader)


def repaired():
    yaml.load(TEXT, yaml.CSafeLoader)
