"""Argument parsers made while serving: the problem, and its repair."""

import argparse


def wasteful():
    argparse.ArgumentParser().parse_args([])


def repaired():
    "a b c".split()
