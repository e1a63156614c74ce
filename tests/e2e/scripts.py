"""Scripts of the scripted application that many tests use."""

from fcgi_wire import *  # noqa: F401,F403


def cgi(text, body=b"", **more):
    """Answers with a CGI head as written (its blank line included) and a body."""
    if isinstance(text, str):
        text = text.encode("latin-1")
    return lambda conn, request: conn.finish(request, text + body, **more)


def raw(make):
    """Sends the bytes make(id) and nothing else."""
    def script(conn, request):
        conn.mark_ended(request)
        conn.send(make(request.id))
    return script


def raw_then_close(make):
    def script(conn, request):
        conn.send(make(request.id))
        conn.close()
    return script


def close_at_once(conn, _request):
    conn.close()


def reset_at_once(conn, _request):
    conn.reset()


def hang(conn, _request):
    """Never answers; reads until the proxy gives the connection up."""
    conn.wait_closed()


def after(event, script):
    """Runs the script once the event is set."""
    def waiting(conn, request):
        if not event.wait(60):
            raise AssertionError("the test never let this answer go")
        script(conn, request)
    return waiting
