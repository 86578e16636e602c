"""A program started for every request."""

from kibitz_server.recommendations.pattern import WALL, Pattern

PATTERN = Pattern(
    id="subprocess_per_request",
    name="A program started for every request",
    description=("Starting a process costs milliseconds, more in large programs, before it does anything."),
    steps=(
        "Use a library in place of the program (shutil, tarfile, pathlib, psutil).",
        "Keep one helper process running and talk to it.",
    ),
    frames=(
        ("subprocess:Popen.__init__",),
        ("subprocess:Popen.communicate",),
        ("subprocess:Popen.wait",),
        ("os:popen",),
        ("asyncio.unix_events:_UnixSelectorEventLoop._make_subprocess_transport",),
    ),
    threshold=0.1,
    measure=WALL,
    matching={"app:main;app:serve;subprocess:Popen.__init__": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;subprocess:Popen.__init__": 10, "app:main;app:subprocess_per_request": 990},
)
