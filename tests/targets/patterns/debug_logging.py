"""Debug messages written in a hot path: the problem, and its repair."""

import io
import logging

LOGGER = logging.getLogger("shop")
LOGGER.propagate = False
LOGGER.addHandler(logging.StreamHandler(io.StringIO()))


def wasteful():
    LOGGER.setLevel(logging.DEBUG)
    for i in range(50):
        LOGGER.debug("item %d", i)


def repaired():
    LOGGER.setLevel(logging.INFO)
    for i in range(50):
        LOGGER.debug("item %d", i)
        str(i) + "abc"
