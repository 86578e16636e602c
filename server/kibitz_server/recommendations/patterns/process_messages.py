"""Large objects sent between processes."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="process_messages",
    name="Large objects sent between processes",
    description=("What goes through a `multiprocessing` queue or pipe is pickled, copied and unpickled."),
    steps=(
        "Send less: an id, a file name, a range.",
        "Share arrays with `multiprocessing.shared_memory`.",
        "Let the worker load what it works on.",
    ),
    frames=(
        ("multiprocessing.reduction:ForkingPickler.dumps",),
        ("multiprocessing.reduction:*", "...", "pickle:*"),
        ("pickle:_Pickler.*",),
        ("pickle:_Unpickler.*",),
        ("multiprocessing.connection:_ConnectionBase.send",),
        ("multiprocessing.connection:_ConnectionBase.recv",),
    ),
    threshold=0.1,
    matching={
        "app:main;app:serve;multiprocessing.reduction:ForkingPickler.dumps": 60,
        "app:main;app:serve": 40,
    },
    other={
        "app:main;app:serve;multiprocessing.reduction:ForkingPickler.dumps": 10,
        "app:main;app:process_messages": 990,
    },
)
