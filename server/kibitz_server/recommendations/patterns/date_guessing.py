"""Date formats guessed."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="date_guessing",
    name="Date formats guessed",
    description=(
        "`dateutil.parser.parse` splits a text into words and tries what each may mean, for every value."
    ),
    steps=("Say the format: `datetime.fromisoformat`, or `strptime` with a known one.",),
    frames=(
        ("dateutil.parser._parser:*",),
        ("dateparser*:*",),
    ),
    threshold=0.05,
    matching={"app:main;app:serve;dateutil.parser._parser:parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;dateutil.parser._parser:parse": 5, "app:main;app:date_guessing": 990},
)
