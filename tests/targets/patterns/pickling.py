"""A cache that keeps what it is asked for pickled; and one that keeps the thing itself."""

import pickle

PAGE = {"rows": [{"id": number, "name": f"row {number}", "tags": ["a", "b"]} for number in range(500)]}
PICKLED = pickle.dumps(PAGE)


def wasteful():
    return len(pickle.loads(PICKLED)["rows"])


def repaired():
    return len([row for row in PAGE["rows"] if row["name"]])
