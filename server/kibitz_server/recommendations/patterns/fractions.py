"""Fractions in loops."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="fractions",
    name="Fractions in loops",
    description=(
        "`fractions.Fraction` reduces by the greatest common divisor after every operation, in Python."
    ),
    steps=(
        "Count in integers of the smallest unit.",
        "Use floats where exactness is not needed; reduce once at the end.",
    ),
    frames=(("fractions:Fraction.*",),),
    threshold=0.05,
    matching={"app:main;app:serve;fractions:Fraction.parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;fractions:Fraction.parse": 5, "app:main;app:fractions": 990},
)
