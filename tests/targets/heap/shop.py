"""Serves customers, with a leak or without, and looks at its heap twelve times: a line of JSON each.

python shop.py leaky|steady
"""

import json
import random
import sys

from kibitz_agent import census, heap

ROUNDS, CUSTOMERS = 12, 400


class Session:
    """What a customer has while being served."""

    def __init__(self, number):
        self.number = number
        self.basket = [f"thing {number} {item}" for item in range(10)]


class Product:
    """Kept in a cache that fills up in the first rounds."""

    def __init__(self, number):
        self.text = "product " * 20 + str(number)


sessions = []
cache = {}


def serve(number, leaky):
    session = Session(number)
    if leaky:
        sessions.append(session)  # meant to be taken out when the customer leaves
    if len(cache) < 1000:
        cache[number] = Product(number)
    return sorted(session.basket)


def main(leaky):
    chance = random.Random(1)
    for round_number in range(ROUNDS):
        # Customers that are there at the moment: now more, now fewer.
        present = [Session(-1) for _ in range(chance.randrange(200, 400))]
        for number in range(CUSTOMERS):
            serve(round_number * CUSTOMERS + number, leaky)
        print(json.dumps(heap.to_fields(census.take(5_000_000_000))), flush=True)
        del present


main(sys.argv[1] == "leaky")
