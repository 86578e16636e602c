"""A handler that asks every few milliseconds whether a job is done, and one that is told."""

import io
import threading
import time
from wsgiref.handlers import SimpleHandler

DONE = threading.Event()


def job():
    DONE.clear()
    threading.Timer(0.02, DONE.set).start()


def asking(environ, start_response):
    job()
    while not DONE.is_set():
        time.sleep(0.005)
    start_response("200 OK", [])
    return [b"done"]


def told(environ, start_response):
    job()
    DONE.wait()
    start_response("200 OK", [])
    return [b"done"]


def served(app):
    handler = SimpleHandler(
        io.BytesIO(), io.BytesIO(), io.StringIO(), {"REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.0"}
    )
    handler.run(app)


def wasteful():
    served(asking)


def repaired():
    served(told)
