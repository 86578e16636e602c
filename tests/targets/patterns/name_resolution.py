"""Names resolved again and again: the problem, and its repair."""

import socket

ADDRESSES = [str(one) for one in socket.getaddrinfo("localhost", 80)]


def wasteful():
    socket.getaddrinfo("localhost", 80)


def repaired():
    str(sorted(ADDRESSES))
