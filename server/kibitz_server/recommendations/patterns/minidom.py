"""XML built with minidom."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="minidom",
    name="XML built with minidom",
    description=(
        "minidom makes Python objects for every piece of white space and is written in Python; "
        "ElementTree and lxml build trees in C."
    ),
    steps=("Use `xml.etree.ElementTree`, or lxml.", "Read large documents with `iterparse`."),
    frames=(
        ("xml.dom.expatbuilder:*",),
        ("xml.dom.minidom:*",),
        ("xml.dom.pulldom:*",),
        ("xml.sax.*:*",),
    ),
    threshold=0.05,
    matching={"app:main;app:serve;xml.dom.expatbuilder:parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;xml.dom.expatbuilder:parse": 5, "app:main;app:minidom": 990},
)
