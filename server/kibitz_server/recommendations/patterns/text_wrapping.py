"""Text wrapped in a hot path."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="text_wrapping",
    name="Text wrapped in a hot path",
    description=("`textwrap` splits text by regular expressions and joins it in Python."),
    steps=("Wrap once and keep it, or shorten by slicing.",),
    frames=(("textwrap:*",),),
    threshold=0.05,
    matching={"app:main;app:serve;textwrap:parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;textwrap:parse": 5, "app:main;app:text_wrapping": 990},
)
