"""Objects pickled and unpickled."""

from kibitz_server.recommendations.pattern import IMPORTING, Pattern

PATTERN = Pattern(
    id="pickling",
    name="Much time spent pickling",
    description="Pickle walks every object, by name and attribute, and makes each anew when it is read.",
    steps=(
        "Keep what is read often in the process, and pickle it for others only.",
        "Cache the part that is asked for instead of the whole; use protocol 5 with buffers for arrays.",
        "For plain data take msgpack or orjson: faster, and safe to read.",
    ),
    frames=(
        ("_pickle:*",),
        ("pickle:_Pickler.*",),
        ("pickle:_Unpickler.*",),
        ("pickle:*",),
        ("dill.*:*",),
        ("cloudpickle.*:*",),
    ),
    threshold=0.1,
    unless=(IMPORTING, "multiprocessing.*:*"),  # `process_messages` speaks of those
    matching={"app:main;app:cached;_pickle:loads": 60, "app:main;app:serve": 40},
    other={
        "app:main;app:cached;_pickle:loads": 5,
        "multiprocessing.queues:Queue.put;_pickle:dumps": 60,
        "app:main;app:pickle": 95,
    },
)
