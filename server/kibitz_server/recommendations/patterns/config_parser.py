"""INI settings read again and again."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="config_parser",
    name="INI settings read again and again",
    description="`configparser` parses in Python and interpolates at each access.",
    steps=("Read once at start and keep plain values.",),
    frames=(("configparser:*",),),
    threshold=0.05,
    matching={"app:main;app:serve;configparser:parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;configparser:parse": 5, "app:main;app:config_parser": 990},
)
