"""IP addresses parsed in Python: the problem, and its repair."""

import ipaddress
import socket

NETWORK = ipaddress.ip_network("10.0.0.0/8")


def wasteful():
    for _ in range(20):
        ipaddress.ip_address("10.1.2.3") in NETWORK


def repaired():
    for _ in range(20):
        int.from_bytes(socket.inet_aton("10.1.2.3")) >> 24 == 10
