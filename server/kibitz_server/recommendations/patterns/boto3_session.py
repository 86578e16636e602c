"""AWS sessions made again and again."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="boto3_session",
    name="AWS sessions made again and again",
    description=(
        "A boto3 session holds the loaders and caches that make its clients cheap; a new one begins with"
        " none."
    ),
    steps=("Keep one session for each set of credentials and each thread, and make clients of it once.",),
    frames=(
        ("boto3.session:Session.__init__",),
        ("botocore.session:get_session",),
    ),
    threshold=0.05,
    rule="client-per-call",
    matching={"app:main;app:serve;boto3.session:Session.__init__": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;boto3.session:Session.__init__": 5, "app:main;app:boto3_session": 990},
)
