"""Mail parsed in pure Python."""

from kibitz_server.recommendations.pattern import IMPORTING, Pattern

PATTERN = Pattern(
    id="mail_parser",
    name="Mail parsed in pure Python",
    description=(
        "`email` parses headers and bodies in Python, with objects for every token of a header under its"
        " newer policies."
    ),
    steps=("Parse headers only (`BytesHeaderParser`), once, and keep what is needed.",),
    frames=(
        ("email.feedparser:*",),
        ("email._header_value_parser:*",),
        ("email.parser:*",),
    ),
    threshold=0.05,
    unless=(IMPORTING, "http.client:parse_headers"),  # an answer's headers are no mail
    matching={"app:main;app:serve;email.feedparser:parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;email.feedparser:parse": 5, "app:main;app:mail_parser": 990},
)
