"""A blocking call in the asyncio loop."""

from kibitz_server.recommendations.pattern import WALL, Pattern

PATTERN = Pattern(
    id="blocking_in_loop",
    name="A blocking call in the asyncio loop",
    description="While the call waits, no other task of the loop runs.",
    steps=(
        "Use the asynchronous client (httpx.AsyncClient, aiohttp, asyncio.create_subprocess_exec, asyncio.sleep).",
        "Else `await asyncio.to_thread(call, ...)`.",
    ),
    frames=(
        ("asyncio.events:Handle._run", "...", "time:sleep"),
        ("asyncio.events:Handle._run", "...", "requests.api:request"),
        ("asyncio.events:Handle._run", "...", "requests.sessions:Session.request"),
        ("asyncio.events:Handle._run", "...", "urllib.request:urlopen"),
        ("asyncio.events:Handle._run", "...", "http.client:HTTPConnection.*"),
        ("asyncio.events:Handle._run", "...", "subprocess:run"),
        ("asyncio.events:Handle._run", "...", "subprocess:Popen.wait"),
        ("asyncio.events:Handle._run", "...", "socket:create_connection"),
        ("asyncio.events:Handle._run", "...", "socket:getaddrinfo"),
        ("asyncio.events:Handle._run", "...", "botocore.client:BaseClient._make_api_call"),
        ("asyncio.events:Handle._run", "...", "psycopg2:*"),
        ("asyncio.events:Handle._run", "...", "pymysql.*:*"),
        ("asyncio.events:Handle._run", "...", "queue:Queue.get"),
    ),
    threshold=0.05,
    measure=WALL,
    rule="blocking-in-async",
    matching={
        "app:main;app:serve;asyncio.events:Handle._run;web:view;time:sleep": 60,
        "app:main;app:serve": 40,
    },
    other={
        "app:main;app:serve;asyncio.events:Handle._run;web:view;time:sleep": 5,
        "app:main;app:blocking_in_loop": 990,
    },
)
