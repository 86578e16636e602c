"""Decimal numbers in loops."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="decimals",
    name="Decimal numbers in loops",
    description=(
        "`decimal.Decimal` makes an object for every step, and reads a text each time it is made from one; without its C module it "
        "is a hundred times slower still."
    ),
    steps=(
        "Count in integers of the smallest unit (cents), and make a `Decimal` of the result.",
        "Make constants once, outside the loop; sum in the database.",
        "Use floats where exactness to the last digit is not needed.",
    ),
    frames=(("decimal:Decimal*",), ("_decimal:*",), ("decimal:Context.*",), ("_pydecimal:*",)),
    threshold=0.1,
    matching={"app:main;app:total;decimal:Decimal": 60, "app:main;app:total": 40},
    other={"app:main;app:total;decimal:Decimal": 5, "app:main;app:decimals": 95},
)
