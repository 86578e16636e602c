"""IP addresses parsed in Python."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="ip_addresses",
    name="IP addresses parsed in Python",
    description="`ipaddress` checks and builds an object in Python for each address.",
    steps=(
        "Parse networks once; compare integers from `socket.inet_aton`.",
        "Remember addresses already judged.",
    ),
    frames=(("ipaddress:*",),),
    threshold=0.05,
    matching={"app:main;app:serve;ipaddress:parse": 60, "app:main;app:serve": 40},
    other={"app:main;app:serve;ipaddress:parse": 5, "app:main;app:ip_addresses": 990},
)
