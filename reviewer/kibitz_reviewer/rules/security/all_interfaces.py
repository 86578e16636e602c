"""Servers open to every network."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import keyword, method
from kibitz_reviewer.engines.edits import changed, text_value
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.later import cst
from kibitz_reviewer.fixes import Repair
from kibitz_reviewer.rule import Applicability, Finding, Rule, Severity

EVERYWHERE = ("0.0.0.0", "", "::")
STARTERS = (
    "run",
    "listen",
    "create_server",
    "start_server",
    "run_app",
    "serve",
    "run_simple",
    "Server",
    "run_server",
)
SERVERS = (
    "http.server.HTTPServer",
    "http.server.ThreadingHTTPServer",
    "socketserver.TCPServer",
    "socketserver.UDPServer",
    "socketserver.ThreadingTCPServer",
    "socketserver.ThreadingUDPServer",
    "uvicorn.run",
    "asyncio.start_server",
    "wsgiref.simple_server.make_server",
    "waitress.serve",
    "werkzeug.serving.run_simple",
    "xmlrpc.server.SimpleXMLRPCServer",
    "aiohttp.web.run_app",
    "socket.create_server",
    "hypercorn.run",
    "gevent.pywsgi.WSGIServer",
)


class AllInterfaces(Rule):
    """Server listens on every network interface of the machine.

    `0.0.0.0` (and the empty host) also listens where nobody meant it to: the office's network, a cloud's public address.

    Listen on `127.0.0.1`, or on the one address that is meant, taken from the configuration.
    """

    severity = Severity.MEDIUM
    cwe = (605, 200, 668)
    aliases = ("python/hardcoded-bind-all-interfaces@v1.0", "python/insecure-socket-bind@v1.0")
    triggers = ("0.0.0.0", "bind", "::", "HTTPServer", "TCPServer", "UDPServer")
    fix = Applicability.SUGGESTED
    fix_title = "Listen on this machine only"
    noncompliant = (
        """
        import socket

        def serve():
            server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            server.bind(("0.0.0.0", 8080))  # finding
            server.listen()
        """,
        """
        from flask import Flask

        app = Flask(__name__)

        if __name__ == "__main__":
            app.run(host="0.0.0.0", port=8080)  # finding
        """,
        """
        import socket

        def serve(port):
            server = socket.socket()
            server.bind(("", port))  # finding
        """,
    )
    compliant = (
        """
        import socket

        def serve():
            server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            server.bind(("127.0.0.1", 8080))
            server.listen()
        """,
        """
        from flask import Flask

        app = Flask(__name__)

        if __name__ == "__main__":
            app.run(host="127.0.0.1")
        """,
        """
        def is_everywhere(host):
            return host == "0.0.0.0" or host == "::"
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "This listens on every network of the machine. Name the address that is meant, for instance 127.0.0.1."
        for call in module.method_calls("bind", "bind_socket"):
            address = module.value_of(call.args[0]) if call.args else None
            if (
                isinstance(address, ast.Tuple)
                and address.elts
                and module.constant(address.elts[0], None) in EVERYWHERE
            ):
                yield self.finding(module, call, message)
        for call in module.nodes(ast.Call):
            host = keyword(call, "host", "hostname", "bind_address", "interface", "listen_address")
            starts = method(call) in STARTERS or (module.qualified_name(call.func) or "") in SERVERS
            if host is not None and starts and module.constant(host) in ("0.0.0.0", "::"):
                yield self.finding(module, call, message)
            elif (module.qualified_name(call.func) or "") in SERVERS and call.args:
                for index in range(min(3, len(call.args))):
                    first = module.value_of(call.args[index])
                    first = first.elts[0] if isinstance(first, ast.Tuple) and first.elts else first
                    if module.constant(first, None) in ("0.0.0.0", "::") or (
                        isinstance(module.value_of(call.args[index]), ast.Tuple)
                        and module.constant(first, None) == ""
                    ):
                        yield self.finding(module, call, message)
                        break

    def repair(self, node: cst.CSTNode, repair: Repair) -> cst.CSTNode | None:
        return changed(node, _alone)


def _alone(node: cst.CSTNode) -> cst.CSTNode | None:
    """The machine itself in the place of all its interfaces."""
    if not isinstance(node, cst.SimpleString) or text_value(node) not in ("0.0.0.0", "::", ""):
        return None
    return cst.SimpleString('"::1"' if text_value(node) == "::" else '"127.0.0.1"')
