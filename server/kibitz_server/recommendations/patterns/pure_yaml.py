"""YAML read or written in pure Python."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="pure_yaml",
    name="YAML read or written in pure Python",
    description=(
        "PyYAML's own loaders and dumpers work character by character in Python; libyaml's are ten times"
        " as fast."
    ),
    steps=(
        "Load with `yaml.CSafeLoader` and write with `yaml.CSafeDumper`.",
        "Keep settings parsed; use JSON for data.",
    ),
    frames=(
        ("yaml.scanner:Scanner.*",),
        ("yaml.parser:Parser.*",),
        ("yaml.reader:Reader.*",),
        ("yaml.emitter:Emitter.*",),
        ("ruamel.yaml.scanner:*",),
    ),
    threshold=0.05,
    matching={"app:main;app:serve;yaml.scanner:Scanner.parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;yaml.scanner:Scanner.parse": 5, "app:main;app:pure_yaml": 990},
)
