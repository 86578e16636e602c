"""Texts compared by difflib."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="text_differences",
    name="Texts compared by difflib",
    description=(
        "`difflib` looks for the longest common blocks in Python, with a cost that grows with the square"
        " of the length."
    ),
    steps=("Test equality and `quick_ratio` first.", "Use rapidfuzz for similarity."),
    frames=(("difflib:*",),),
    threshold=0.05,
    matching={"app:main;app:serve;difflib:parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;difflib:parse": 5, "app:main;app:text_differences": 990},
)
