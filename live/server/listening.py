"""The address that the server listens on."""

import socket

from live.server.limits import Limits


def listen(host: str, port: int, limits: Limits) -> socket.socket:
    """A TCP socket that is bound to an address; port 0 stands for any free one.

    Raises:
      OSError: where the host has no address, or the port is taken.
    """
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections of a server that has just ended do not hold the port.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Linux: peers that are gone, or that do not read, are given up. Accepted sockets inherit it.
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(2000 * limits.ping_s))
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
