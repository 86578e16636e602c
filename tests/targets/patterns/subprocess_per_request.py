"""A program started for every request: the problem, and its repair."""

import os
import subprocess
import sys


def wasteful():
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)


def repaired():
    sorted(os.listdir("."))
