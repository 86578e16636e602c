"""Runs the shop on a free port of this machine and prints its address."""

import logging
import sys

from werkzeug.serving import make_server

from .app import app

logging.getLogger("werkzeug").setLevel(logging.ERROR)

if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = make_server("127.0.0.1", port, app, threaded=True)
    print(f"shop on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
