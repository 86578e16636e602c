"""Regular expressions compiled while serving."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="regex_compiled",
    name="Regular expressions compiled while serving",
    description=(
        "Compiling costs far more than matching. The module `re` remembers a few hundred expressions; an"
        " expression made of data is a new one each time."
    ),
    steps=(
        "Compile at module level with `re.compile`.",
        "Do not build expressions of data: match a general one, then compare groups.",
    ),
    frames=(
        ("re._compiler:compile",),
        ("sre_compile:compile",),
        ("regex._regex_core:*",),
        ("regex.regex:_compile",),
    ),
    threshold=0.05,
    rule="regex-in-function",
    matching={"app:main;app:serve;re._compiler:compile": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;re._compiler:compile": 5, "app:main;app:regex_compiled": 990},
)
