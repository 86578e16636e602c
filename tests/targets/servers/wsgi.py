from work import busy_request


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [busy_request().encode()]
