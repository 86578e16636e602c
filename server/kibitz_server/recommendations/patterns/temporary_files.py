"""Temporary files in a hot path."""

from kibitz_server.recommendations.pattern import WALL, Pattern

PATTERN = Pattern(
    id="temporary_files",
    name="Temporary files in a hot path",
    description="Each one asks for a name, opens, writes, and removes a file.",
    steps=(
        "Work in memory: `io.BytesIO`, or pipes.",
        "Use `SpooledTemporaryFile`, which begins on disk only beyond a size.",
    ),
    frames=(("tempfile:*",),),
    threshold=0.1,
    measure=WALL,
    matching={"app:main;app:serve;tempfile:parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;tempfile:parse": 10, "app:main;app:temporary_files": 990},
)
