"""AWS resources made again and again."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="boto3_resource",
    name="AWS resources made again and again",
    description=("A boto3 resource is a client and a set of classes made for it, each time."),
    steps=("Make the resource once for each thread and keep it, or use a client.",),
    frames=(
        ("boto3:resource",),
        ("boto3.session:Session.resource",),
    ),
    threshold=0.05,
    rule="client-per-call",
    matching={"app:main;app:serve;boto3:resource": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;boto3:resource": 5, "app:main;app:boto3_resource": 990},
)
