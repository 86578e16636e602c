"""Much time in the standard JSON module: the problem, and its repair."""

import json

DOCUMENT = {str(i): list(range(20)) for i in range(300)}


def wasteful():
    json.loads(json.dumps(DOCUMENT))


def repaired():
    sum(len(str(key)) + len(value) for key, value in DOCUMENT.items())
