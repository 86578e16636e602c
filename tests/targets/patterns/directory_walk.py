"""Directories searched again and again: the problem, and its repair."""

import glob
import os

NAMES = glob.glob(os.path.dirname(os.__file__) + "/json/*.py")


def wasteful():
    glob.glob(os.path.dirname(os.__file__) + "/json/*.py")


def repaired():
    NAMES.count("x")
