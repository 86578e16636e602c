"""What the shop sells, and the export that partners fetch."""

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


def export():
    """Serialises and parses every product on its own to get a copy: slow JSON."""
    copies = []
    for product in PRODUCTS:
        copy = json.loads(json.dumps(product))
        copy["price"] = f"{copy['price']:.2f}"
        copies.append(copy)
    return json.dumps(copies, indent=1)
