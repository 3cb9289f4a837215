"""Taking the address to serve on, before anything else is started."""

import socket
from contextlib import suppress

from infra.cli.trouble import Trouble


def bind(host: str, port: int) -> socket.socket:
    """A listening socket on the address; port 0 takes any free one. Raises Trouble where it can't be had.

    It listens at once: of two programs that start together one is told so here, and a client that comes early waits
    instead of being refused.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except OSError as error:
        raise Trouble(
            f"CHATSMART_HOST is '{host}', and this machine has no such address: {error}.", code=2
        ) from None
    sock = socket.socket(family)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        other = port + 1 if 0 < port < 65535 else 8001
        raise Trouble(
            f"{host}:{port} can't be served: {error.strerror or error}.\n"
            f"Stop what uses it, or take another port: CHATSMART_PORT={other} chatsmart up"
        ) from None
    return sock


def address(sock: socket.socket) -> tuple[str, int]:
    """Where a client on this machine finds the socket."""
    host, port = sock.getsockname()[:2]
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port  # noqa: S104  looked up, not bound


def url(sock: socket.socket) -> str:
    """The same as an http address."""
    host, port = address(sock)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def shut(sock: socket.socket) -> None:
    """Close it, whoever closed it before."""
    with suppress(OSError):
        sock.close()
