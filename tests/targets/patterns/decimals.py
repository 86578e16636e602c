"""A bill in decimals made from text, line by line; and in cents."""

from decimal import Decimal

LINES = [(str(number), "19.99") for number in range(500)]
CENTS = [(number, 1999) for number in range(500)]


def wasteful():
    return sum((Decimal(count) * Decimal(price) for count, price in LINES), Decimal(0))


def repaired():
    return sum(count * price for count, price in CENTS)
