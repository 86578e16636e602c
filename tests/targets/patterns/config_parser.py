"""INI settings read again and again: the problem, and its repair."""

import configparser

TEXT = "[s]\n" + "\n".join(f"k{i} = {i}" for i in range(40))
VALUES = {"k1": "1"}


def wasteful():
    parser = configparser.ConfigParser()
    parser.read_string(TEXT)


def repaired():
    VALUES.get("k1")
