"""Imports tried again and again: the problem, and its repair."""

THERE = False


def wasteful():
    try:
        import not_there_at_all
    except ImportError:
        pass


def repaired():
    if not THERE:
        str(THERE).lower()
