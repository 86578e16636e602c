"""isinstance with a runtime protocol."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="protocol_check",
    name="isinstance with a runtime protocol",
    description=(
        "`isinstance` against a `runtime_checkable` protocol looks every attribute up, and against an "
        "abstract class asks its subclasses."
    ),
    steps=(
        "Check for a concrete class, or the one attribute with `getattr`.",
        "Check once where the object comes in.",
    ),
    frames=(
        ("typing:_ProtocolMeta.__instancecheck__",),
        ("typing:_ProtocolMeta.__subclasscheck__",),
        ("typing_extensions:*.__instancecheck__",),
    ),
    threshold=0.05,
    matching={"app:main;app:serve;typing:_ProtocolMeta.__instancecheck__": 60, "app:main;app:serve": 40},
    other={
        "app:main;app:serve;typing:_ProtocolMeta.__instancecheck__": 5,
        "app:main;app:protocol_check": 990,
    },
)
