"""Log messages with whole stacks."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="logged_stacks",
    name="Log messages with whole stacks",
    description=(
        "Writing out a stack reads source files and formats every frame: a hundred times the cost of the"
        " message."
    ),
    steps=(
        "Leave out `stack_info=True` and `exc_info=True` where the case is ordinary.",
        "Log the exception's type and text; sample the traces.",
    ),
    frames=(
        ("logging:Logger.findCaller", "...", "traceback:*"),
        ("logging:Formatter.formatException",),
        ("logging:Formatter.format", "...", "traceback:*"),
    ),
    threshold=0.05,
    matching={
        "app:main;app:serve;logging:Logger.findCaller;web:view;traceback:parse": 60,
        "app:main;app:serve": 40,
    },
    other={
        "app:main;app:serve;logging:Logger.findCaller;web:view;traceback:parse": 5,
        "app:main;app:logged_stacks": 990,
    },
)
