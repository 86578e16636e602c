"""Calls with a catch."""

from __future__ import annotations

from kibitz_reviewer.engines.call_table import CallTable
from kibitz_reviewer.rule import Confidence, Severity


class DiscouragedCall(CallTable):
    """Function has a catch that is easily missed.

    It works in tests, and fails or misleads with certain values, platforms or other threads.

    Use the function named in the finding.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    cwe = (676,)
    aliases = ("python/not-recommended-apis-medium@v1.0",)
    triggers = ("os", "tempfile", "uuid", "sys", "xmlrpc", "gc", "ftplib", "wsgiref", "socketserver", "http")
    noncompliant = (
        """
        import uuid

        def token():
            return str(uuid.uuid1())  # finding
        """,
        """
        import sys

        sys.setrecursionlimit(100_000)  # finding
        """,
    )
    compliant = (
        """
        import uuid

        def token():
            return str(uuid.uuid4()), uuid.uuid5(uuid.NAMESPACE_URL, "x")
        """,
        """
        import sys

        def deep():
            return sys.getrecursionlimit()
        """,
    )

    table = {
        "os.mktemp": "`tempfile.mkstemp`",
        "tempfile.mktemp": "`tempfile.mkstemp`",
        "os.getlogin": "`getpass.getuser`",
        "uuid.uuid1": "`uuid.uuid4`, which does not show the machine",
        "xml.dom.minidom.parseString_unsafe": "`defusedxml`",
        "xmlrpc.server.SimpleXMLRPCServer": "a service with authentication",
        "gc.set_debug": "nothing in production",
        "sys.settrace": "`sys.monitoring`",
        "sys.setrecursionlimit": "a loop with a stack",
        "ftplib.FTP().storlines": "`storbinary`",
        "os.chroot": "a container",
        "os.forkpty": "`subprocess`",
        "wsgiref.simple_server.make_server": "a production server such as waitress",
        "socketserver.ForkingTCPServer": "asyncio",
        "http.server.CGIHTTPRequestHandler": "a web framework",
    }
