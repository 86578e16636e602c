"""Argument parsers made while serving."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="argument_parser",
    name="Argument parsers made while serving",
    description=("An `ArgumentParser` is dear to make and to run; it is meant for a program's start."),
    steps=("Make it once; for short texts in a request parse by hand or with `shlex.split`.",),
    frames=(("argparse:ArgumentParser.*",),),
    threshold=0.1,
    matching={"app:main;app:serve;argparse:ArgumentParser.parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;argparse:ArgumentParser.parse": 10, "app:main;app:argument_parser": 990},
)
