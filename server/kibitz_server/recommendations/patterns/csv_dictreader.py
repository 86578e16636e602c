"""Large CSV files by DictReader."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="csv_dictreader",
    name="Large CSV files by DictReader",
    description="`csv.DictReader` builds a dict for each row in Python.",
    steps=("Use `csv.reader` and positions, or pandas, polars or pyarrow for large files.",),
    frames=(
        ("csv:DictReader.__next__",),
        ("csv:DictWriter.writerow",),
        ("csv:DictWriter.*",),
    ),
    threshold=0.1,
    matching={"app:main;app:serve;csv:DictReader.__next__": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;csv:DictReader.__next__": 10, "app:main;app:csv_dictreader": 990},
)
