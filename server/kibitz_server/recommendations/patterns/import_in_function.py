"""Imports tried again and again."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="import_in_function",
    name="Imports tried again and again",
    description=(
        "An import that fails is looked for on the whole path each time, on disk; a reload runs the "
        "module again; and one of what is there already is a look-up of names for every call."
    ),
    steps=(
        "Try the optional import once, at module level, and remember the answer.",
        "Do not reload modules in a running program.",
    ),
    frames=(
        ("importlib._bootstrap:_find_spec",),
        ("<import>",),
        ("importlib._bootstrap:_handle_fromlist",),
        ("importlib:reload",),
        ("importlib.util:find_spec",),
    ),
    threshold=0.05,
    unless=("importlib._bootstrap:_load_unlocked", "importlib._bootstrap_external:*.exec_module"),
    matching={"app:main;app:serve;importlib._bootstrap:_find_spec": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;importlib._bootstrap:_find_spec": 5, "app:main;app:import_in_function": 990},
)
