"""Debug messages written in a hot path."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="debug_logging",
    name="Debug messages written in a hot path",
    description=(
        "The program spends a visible part of its time making debug records: the level is DEBUG where "
        "the work is done."
    ),
    steps=(
        "Set the level to INFO in production, botocore's and urllib3's loggers too.",
        "Guard costly arguments with `logger.isEnabledFor(logging.DEBUG)`.",
    ),
    frames=(
        ("logging:Logger.debug", "logging:Logger._log"),
        ("logging:debug",),
        ("logging:LoggerAdapter.debug",),
    ),
    threshold=0.05,
    matching={"app:main;app:serve;logging:Logger.debug;logging:Logger._log": 60, "app:main;app:serve": 40},
    other={
        "app:main;app:serve;logging:Logger.debug;logging:Logger._log": 5,
        "app:main;app:debug_logging": 990,
    },
)
