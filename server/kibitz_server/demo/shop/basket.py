"""Baskets of the past, and what they teach."""

from .catalogue import PRODUCTS

BASKETS = [[str((start * step) % len(PRODUCTS)) for step in range(1, 9)] for start in range(1, 250)]


def often_bought_together(item):
    """Compares every basket with every other one: N squared."""
    seen = []
    for basket in BASKETS:
        for other in BASKETS[::12]:
            if basket is not other and shared(basket, other) and basket[0] not in seen:
                seen.append(basket[0])
    return [product for product in seen if product != item][:20]


def shared(one, other):
    return [item for item in one if item in other]
