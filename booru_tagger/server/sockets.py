"""A socket for a server to listen on."""

from __future__ import annotations

import os
import socket

from booru_tagger.errors import OutputError


def listen(host: str, port: int) -> socket.socket:
    """Listen on an address of this computer; port 0 is any free one. Raises :class:`OutputError`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise OutputError(f"{host}: no address of this computer ({error.strerror or error})") from error
    try:
        if os.name != "nt":  # there it would let two servers share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)  # clients that are quick are to wait, not to be turned away
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"{host}:{port}: cannot be listened on ({reason}); choose another --port"
        ) from error
    return listener
