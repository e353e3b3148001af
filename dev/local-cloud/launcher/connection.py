"""The connection of the call under way, and how it may end badly."""

import contextlib
import contextvars
import ctypes
import os
import pathlib
import socket

# Where it comes from.
client_port: contextvars.ContextVar[int] = contextvars.ContextVar("local_cloud_client_port", default=0)


def reset() -> None:
    """Resets it (RST), before anything is sent. Where that is not possible, it will end in order."""
    with contextlib.suppress(OSError):
        for descriptor in pathlib.Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError, ValueError):
                if not str(descriptor.readlink()).startswith("socket:"):
                    continue
                with socket.socket(fileno=os.dup(int(descriptor.name))) as connection:
                    peer = connection.getpeername()
                    if isinstance(peer, tuple) and peer[1] == client_port.get():
                        # To connect to nothing (AF_UNSPEC) is how Linux ends a connection at once.
                        ctypes.CDLL(None).connect(connection.fileno(), bytes(16), 16)
                        return
