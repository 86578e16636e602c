"""What the shop sells, and the export that partners fetch."""

import copy
import json

WORDS = "red green blue small large old new plain fine round square heavy light soft hard".split()
PRODUCTS = [
    {
        "id": str(number),
        "name": f"{WORDS[number % 15]} {WORDS[(number * 7 + 3) % 15]} thing {number}",
        "price": (number * 37) % 500 + 1,
        "tags": [WORDS[(number * k) % 15] for k in range(1, 6)],
    }
    for number in range(1500)
]
DEFAULTS = {"currency": "EUR", "texts": {"en": {}, "de": {}}}


def export():
    """Every product with the shop's defaults."""
    lines = ""
    for product in PRODUCTS:
        whole = copy.deepcopy(DEFAULTS)
        whole.update(product)
        lines += json.dumps(whole) + "\n"
    return lines
