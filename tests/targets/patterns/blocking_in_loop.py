"""A blocking call in the asyncio loop: the problem, and its repair."""

import asyncio
import subprocess
import sys


async def asks_blocking():
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)


async def asks_politely():
    process = await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", "")
    await process.wait()


def wasteful():
    asyncio.run(asks_blocking())


def repaired():
    asyncio.run(asks_politely())
