"""Request limits of EC2: a token bucket for each API of the account and region."""

import threading
import time

# Multiples of the bucket of mutating APIs, which holds 50 tokens and gains 5 a second:
# 100 and 20 for reading APIs, 100 and 10 for tags.
_READS = ("Describe", "Get", "List", "Search")
_OF_READS = (2, 4)
_OF_TAGS = (2, 2)

_lock = threading.Lock()
_bucket: dict = {"size": 0, "refill": 5.0, "principal": ""}
# API: (tokens, time of that count).
_tokens: dict[str, tuple[float, float]] = {}


def set_bucket(size: int | None, refill: float | None, principal: str | None) -> None:
    """Changes the limits, and fills the buckets."""
    given = {"size": size, "refill": refill, "principal": principal}
    change = {name: value for name, value in given.items() if value is not None and value != _bucket[name]}
    with _lock:
        if change:
            _bucket.update(change)
            _tokens.clear()


def refuses(service: str, action: str, principal: str) -> bool:
    """Returns whether EC2 throttles this call. If not, it takes a token."""
    if service != "ec2" or not _bucket["size"] or _bucket["principal"] not in principal:
        return False
    times = _OF_READS if action.startswith(_READS) else _OF_TAGS if action.endswith("Tags") else (1, 1)
    size, refill = _bucket["size"] * times[0], _bucket["refill"] * times[1]
    now = time.monotonic()
    with _lock:
        tokens, at = _tokens.get(action, (size, now))
        tokens = min(size, tokens + (now - at) * refill)
        refused = tokens < 1
        _tokens[action] = (tokens if refused else tokens - 1, now)
        return refused
