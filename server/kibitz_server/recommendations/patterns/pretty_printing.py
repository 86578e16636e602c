"""Data pretty printed in a hot path."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="pretty_printing",
    name="Data pretty printed in a hot path",
    description="`pprint` measures every part of the data several times, in Python.",
    steps=("Use `repr` or JSON in logs; format prettily where a person reads.",),
    frames=(("pprint:*",),),
    threshold=0.05,
    matching={"app:main;app:serve;pprint:parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;pprint:parse": 5, "app:main;app:pretty_printing": 990},
)
