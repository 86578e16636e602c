"""Classes made while serving."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="class_in_function",
    name="Classes made while serving",
    description=(
        "`namedtuple`, `dataclass` and `create_model` write source code and compile it; inside a "
        "function they do so in every call."
    ),
    steps=("Make the class once, at module level.",),
    frames=(
        ("collections:namedtuple",),
        ("dataclasses:_process_class",),
        ("dataclasses:make_dataclass",),
        ("enum:Enum*._create_",),
        ("pydantic.main:create_model",),
    ),
    threshold=0.05,
    matching={"app:main;app:serve;collections:namedtuple": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;collections:namedtuple": 5, "app:main;app:class_in_function": 990},
)
