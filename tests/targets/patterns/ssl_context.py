"""TLS contexts made again and again: the problem, and its repair."""

import ssl

CONTEXT = ssl.create_default_context()


def wasteful():
    ssl.create_default_context()


def repaired():
    ssl.MemoryBIO().read()
    CONTEXT.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="a.example")
