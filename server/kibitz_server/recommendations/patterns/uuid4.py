"""Random UUIDs in loops."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="uuid4",
    name="Random UUIDs in loops",
    description=(
        "`uuid.uuid4` asks the kernel for sixteen bytes and makes an object with checks, for each id."
    ),
    steps=(
        "Use a counter or the database's own key inside a process.",
        "Take the text of `secrets.token_hex` or many bytes of `os.urandom` at once.",
    ),
    frames=(
        ("uuid:uuid4",),
        ("uuid:uuid1",),
        ("uuid:UUID.__init__",),
    ),
    threshold=0.1,
    matching={"app:main;app:serve;uuid:uuid4": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;uuid:uuid4": 10, "app:main;app:uuid4": 990},
)
