"""The time of the services, which tests can move ahead.

Services go by it where time has an effect: schedules, delays, visibility, TTL, and the times in events. Everything else keeps the time of
the machine, as do functions: the deadline of an invocation is a time that a function compares with its own clock, and callers sign with it.
"""

import datetime
import importlib
import threading
import time

# Modules of MiniStack that go by the moved time. Each uses the name `time` for the module.
SERVICES = ("dynamodb", "eventbridge", "scheduler", "sns", "sqs")
# Time between two looks at what is due, which is 10 seconds in MiniStack.
TICK = 0.5

_moved = {"seconds": 0.0}
_changed = threading.Condition()


def offset() -> float:
    """Returns by how many seconds the time is ahead of that of the machine."""
    return _moved["seconds"]


def now() -> float:
    return time.time() + offset()


def move(seconds: float) -> None:
    """Sets by how many seconds the time is ahead, and wakes what waits."""
    with _changed:
        _moved["seconds"] = seconds
        _changed.notify_all()


class _MovedTime:
    """The module `time` for a service."""

    time = staticmethod(now)

    @staticmethod
    def sleep(seconds: float) -> None:
        """Sleeps, but not on while the clock moves."""
        with _changed:
            _changed.wait(seconds)

    @staticmethod
    def gmtime(seconds: float | None = None):
        return time.gmtime(now() if seconds is None else seconds)

    def __getattr__(self, name):
        return getattr(time, name)


def install() -> None:
    moved = _MovedTime()
    services = {name: importlib.import_module(f"ministack.services.{name}") for name in (*SERVICES, "ssm")}
    for name in SERVICES:
        services[name].time = moved
    services["eventbridge"]._SCHEDULER_TICK_INTERVAL = services["scheduler"]._SCHEDULE_TICK_INTERVAL = TICK
    services["ssm"]._now_epoch = now
    services["ssm"]._now_iso = lambda: datetime.datetime.fromtimestamp(now(), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    # The reaper that MiniStack started sleeps by the time of the machine for the first minute.
    threading.Thread(target=services["dynamodb"]._ttl_reaper, name="ttl-reaper", daemon=True).start()
