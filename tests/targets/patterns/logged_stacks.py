"""Log messages with whole stacks: the problem, and its repair."""

import io
import logging

LOGGER = logging.getLogger("stacks")
LOGGER.propagate = False
LOGGER.addHandler(logging.StreamHandler(io.StringIO()))


def wasteful():
    for i in range(20):
        LOGGER.warning("slow item %d", i, stack_info=True)


def repaired():
    for i in range(20):
        LOGGER.warning("slow item %d", i)
