"""The listening socket: opened before anything else starts, so that a wrong address is one clear sentence."""

import errno
import socket

from app.config import LOOPBACK
from app.domain.errors import AppError

BACKLOG = 256


class AddressError(AppError):
    """The web pages cannot be offered at this address."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on an address of this machine only; port 0 takes a free one.

    Raises:
        AddressError: ``address_refused``, ``port_in_use`` or ``port_refused``.
    """
    if host not in LOOPBACK:
        raise AddressError("address_refused", host=host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        other = _free_port(host, family)
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise AddressError("port_in_use", port=port, other=other) from None
        raise AddressError("port_refused", port=port, other=other, reason=str(error)) from None
    listener.set_inheritable(True)
    return listener


def address(listener: socket.socket) -> str:
    """What a person types into the browser."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _free_port(host: str, family: socket.AddressFamily) -> int:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
