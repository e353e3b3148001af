"""Calls to the supervisor, which serves AWS Config and SSM Automation."""

import json

import settings
import urllib3

_pool = urllib3.PoolManager(num_pools=2, maxsize=32, block=False, retries=False)


def request(method: str, path: str, body: bytes | None = None, headers: dict | None = None, timeout: float = 30):
    """Calls the supervisor. Returns (status, headers, body)."""
    reply = _pool.request(method, settings.current().control_url + path, body=body, headers=headers or {}, timeout=timeout)
    return reply.status, dict(reply.headers), reply.data


def get(path: str) -> dict:
    return json.loads(request("GET", path)[2])


def post(path: str, data: dict) -> dict:
    _, _, body = request("POST", path, json.dumps(data).encode(), {"content-type": "application/json"})
    return json.loads(body or b"{}")
