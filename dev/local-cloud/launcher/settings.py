"""Addresses of the parts, and switches that tests can change at run time."""

import argparse
import re
from dataclasses import dataclass


@dataclass
class _Settings:
    port: int = 0
    control_url: str = ""
    moto_url: str = ""
    region: str = ""
    account_id: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    async_retry_base_seconds: float = 1.0
    missing_key_has_prefix: bool = False
    past_schedules: str = "refused"
    prefix_list_change_seconds: float = 1.0
    cloud_trail_delay_seconds: float = 0.0
    trail: bool = True
    trail_event_delay_seconds: float = 0.0
    trail_lists_rules: bool = True


# Settings of this part, by their name in `PUT /settings`.
_SWITCHES = (
    "asyncRetryBaseSeconds",
    "cloudTrailDelaySeconds",
    "missingKeyHasPrefix",
    "pastSchedules",
    "prefixListChangeSeconds",
    "trail",
    "trailEventDelaySeconds",
    "trailListsRules",
)

_current = _Settings()


def configure(arguments: argparse.Namespace) -> None:
    _current.port = arguments.port
    _current.control_url = arguments.control_url.rstrip("/")
    _current.moto_url = arguments.moto_url.rstrip("/")
    _current.region = arguments.region
    _current.account_id = arguments.account_id
    _current.access_key_id = arguments.access_key_id
    _current.secret_access_key = arguments.secret_access_key


def change(given: dict) -> None:
    """Changes the settings of this part. The supervisor sends all settings, of both parts, with their types."""
    for name in _SWITCHES:
        if name in given:
            setattr(_current, re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name), given[name])


def current() -> _Settings:
    return _current


def endpoint() -> str:
    return f"http://127.0.0.1:{_current.port}"


def root_credentials() -> dict:
    return {"accessKeyId": _current.access_key_id, "secretAccessKey": _current.secret_access_key}
