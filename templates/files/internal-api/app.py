"""A WSGI application to start from: says that it is there."""


def application(environ, start_response):
    if environ["PATH_INFO"] != "/healthz":
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"not found\n"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok\n"]
