"""AWS clients made again and again."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="boto3_client",
    name="AWS clients made again and again",
    description=(
        "Making a boto3 client loads and parses the service's description and looks for credentials, and"
        " the client begins without an open connection."
    ),
    steps=(
        "Make the client once, at module level or in an object that lives long.",
        "Share it: clients are safe to use from several threads.",
    ),
    frames=(
        ("boto3:client",),
        ("boto3.session:Session.client",),
        ("botocore.session:Session.create_client",),
        ("aiobotocore.session:*.create_client",),
    ),
    threshold=0.05,
    rule="client-per-call",
    matching={"app:main;app:serve;boto3:client": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;boto3:client": 5, "app:main;app:boto3_client": 990},
)
