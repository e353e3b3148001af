"""The time of the services, which tests can move ahead.

MiniStack reads the time with `time.time`, which is replaced, and in places from `datetime`. Timeouts of connections and of processes use
the monotonic clock, which stays as it is. Callers sign with the time of the machine, and signatures are compared with that.
"""

import time

_real = time.time
_moved = {"seconds": 0.0}


def offset() -> float:
    """Returns by how many seconds the time is ahead of that of the machine."""
    return _moved["seconds"]


def move(seconds: float) -> None:
    """Sets by how many seconds the time is ahead."""
    _moved["seconds"] = seconds


def install() -> None:
    time.time = lambda: _real() + _moved["seconds"]
