"""An event loop made for every call: the problem, and its repair."""

import asyncio


async def nothing():
    await asyncio.sleep(0)


RUNNER = asyncio.Runner()
RUNNER.run(nothing())


def wasteful():
    asyncio.run(nothing())


def repaired():
    RUNNER.run(nothing())
