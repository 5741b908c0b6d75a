"""A line for each request, as web servers have them, so that the tools for those can read it."""

from __future__ import annotations

from datetime import datetime

from starlette.types import Scope


def access_line(scope: Scope, status: int, sent: int, seconds: float, when: datetime) -> str:
    """Common Log Format, and the seconds that the answer took.

    ``when`` the request came; ``sent`` are the bytes of the answer's body. The query is left out; what a
    client sends can neither end the line nor its quoted part.
    """
    client = scope.get("client")
    raw = scope.get("raw_path") or str(scope["path"]).encode()
    path = raw.partition(b"?")[0].decode("ascii", "backslashreplace")
    request = f"{scope['method']} {path} HTTP/{scope.get('http_version', '1.1')}"
    safe = "".join(letter if letter.isprintable() and letter not in '"\\' else "?" for letter in request)
    host = client[0] if client else "-"
    return f'{host} - - [{when:%d/%b/%Y:%H:%M:%S %z}] "{safe}" {status} {sent} {seconds:.3f}'
