"""An HTTP session for every request: the problem, and its repair."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args):
        pass


SERVER = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
SERVER.daemon_threads = True
threading.Thread(target=SERVER.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{SERVER.server_port}/"
SESSION = requests.Session()


def wasteful():
    requests.get(URL, timeout=5)


def repaired():
    SESSION.get(URL, timeout=5)
