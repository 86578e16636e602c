"""HTML parsed in pure Python."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="html_parser",
    name="HTML parsed in pure Python",
    description=("`html.parser`, also as BeautifulSoup's default, works by regular expressions in Python."),
    steps=("Use lxml or selectolax; with BeautifulSoup say `features='lxml'`.",),
    frames=(
        ("html.parser:HTMLParser.*",),
        ("html5lib.*:*",),
        ("bs4.builder._htmlparser:*",),
    ),
    threshold=0.05,
    matching={"app:main;app:serve;html.parser:HTMLParser.parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;html.parser:HTMLParser.parse": 5, "app:main;app:html_parser": 990},
)
