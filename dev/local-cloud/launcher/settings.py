"""Addresses of the parts, and switches that tests can change at run time."""

import argparse
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
    cloud_trail_delay_seconds: float = 0.0
    trail_lists_rules: bool = True


_current = _Settings()


def configure(arguments: argparse.Namespace) -> None:
    _current.port = arguments.port
    _current.control_url = arguments.control_url.rstrip("/")
    _current.moto_url = arguments.moto_url.rstrip("/")
    _current.region = arguments.region
    _current.account_id = arguments.account_id
    _current.access_key_id = arguments.access_key_id
    _current.secret_access_key = arguments.secret_access_key


def current() -> _Settings:
    return _current


def endpoint() -> str:
    return f"http://127.0.0.1:{_current.port}"


def root_credentials() -> dict:
    return {"accessKeyId": _current.access_key_id, "secretAccessKey": _current.secret_access_key}
