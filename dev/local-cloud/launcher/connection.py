"""The connection of the current call, and its abrupt end."""

import contextlib
import contextvars
import ctypes
import os
import pathlib
import socket

# Address of the client.
client_port: contextvars.ContextVar[int] = contextvars.ContextVar("local_cloud_client_port", default=0)


def reset() -> None:
    """Resets the connection (RST) before anything is sent. Where that is not possible, it ends regularly."""
    with contextlib.suppress(OSError):
        for descriptor in pathlib.Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError, ValueError):
                if not str(descriptor.readlink()).startswith("socket:"):
                    continue
                with socket.socket(fileno=os.dup(int(descriptor.name))) as connection:
                    peer = connection.getpeername()
                    if isinstance(peer, tuple) and peer[1] == client_port.get():
                        # On Linux, connecting to AF_UNSPEC ends a connection at once.
                        ctypes.CDLL(None).connect(connection.fileno(), bytes(16), 16)
                        return
