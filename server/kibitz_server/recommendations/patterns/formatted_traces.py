"""Traces formatted as part of the ordinary course."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="formatted_traces",
    name="Traces formatted as part of the ordinary course",
    description=(
        "Formatting a trace reads source lines and makes an object for every frame; as control flow it "
        "is very dear."
    ),
    steps=(
        "Catch the exception and handle it without formatting.",
        "Keep `repr(error)`; format the trace only where a person will read it.",
    ),
    frames=(
        ("traceback:format_exc",),
        ("traceback:format_exception",),
        ("traceback:format_stack",),
        ("traceback:extract_stack",),
        ("traceback:print_exc",),
    ),
    threshold=0.05,
    unless=("importlib._bootstrap:*", "logging:*"),
    matching={"app:main;app:serve;traceback:format_exc": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;traceback:format_exc": 5, "app:main;app:formatted_traces": 990},
)
