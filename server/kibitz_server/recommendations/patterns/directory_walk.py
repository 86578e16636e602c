"""Directories searched again and again."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="directory_walk",
    name="Directories searched again and again",
    description="Walking directories asks the file system for every entry.",
    steps=(
        "Walk once and keep the list; watch for changes.",
        "Use `os.scandir`, and say the directory that is wanted.",
    ),
    frames=(
        ("glob:*",),
        ("os:walk",),
        ("pathlib:Path.rglob",),
        ("pathlib:Path.glob",),
        ("pathlib*:*._walk",),
    ),
    threshold=0.1,
    matching={"app:main;app:serve;glob:parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;glob:parse": 10, "app:main;app:directory_walk": 990},
)
