"""Functions inspected in a hot path: the problem, and its repair."""

import inspect
import json

SIGNATURE = inspect.signature(json.dumps)


def wasteful():
    inspect.signature(json.dumps)


def repaired():
    SIGNATURE.parameters.get("skipkeys")
