"""Events of AWS services on the default event bus, at once or after a delay."""

import heapq
import itertools
import json
import threading

import clock
import settings

# Events that are waiting: (time, number, event). The number keeps those of the same time in order.
_waiting: list[tuple[float, int, dict]] = []
_numbers = itertools.count()
_changed = threading.Condition()
_delivering: list[str] = []


def put_now(event: dict) -> dict:
    """Puts an event. It bypasses PutEvents, which rejects the source aws.* as it does in AWS."""
    from ministack.core import responses
    from ministack.services import eventbridge

    entry = {
        "Source": event["source"],
        "DetailType": event["detailType"],
        "Detail": json.dumps(event["detail"]),
        "Resources": event.get("resources", []),
        "EventBusName": "default",
    }
    with responses.request_scope(settings.current().account_id, settings.current().region):
        status, _, body = eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    return {"status": status, "reply": json.loads(body)}


def put(source: str, detail_type: str, detail: dict, resources: list[str] | None = None, delay: float = 0) -> None:
    """Puts an event after a delay, from another thread, so that no call waits for the targets of rules."""
    event = {"source": source, "detailType": detail_type, "detail": detail, "resources": resources or []}
    with _changed:
        heapq.heappush(_waiting, (clock.now() + delay, next(_numbers), event))
        _changed.notify()


def pending() -> list[str]:
    """Returns the types of the events that are due. Those that wait for their delay do not count: it may be minutes."""
    now = clock.now()
    with _changed:
        return _delivering + [event["detailType"] for at, _, event in _waiting if at <= now]


def wake() -> None:
    """Has the waiting events looked at again, after the clock was moved."""
    with _changed:
        _changed.notify()


def reset() -> None:
    with _changed:
        _waiting.clear()


def _deliver() -> None:
    while True:
        with _changed:
            while not _waiting or _waiting[0][0] > clock.now():
                _changed.wait(_waiting[0][0] - clock.now() if _waiting else None)
            event = heapq.heappop(_waiting)[2]
            _delivering.append(event["detailType"])
        try:
            put_now(event)
        except Exception as error:  # the next event must be delivered even after a bug here
            print(f"an event of {event['source']} was not delivered: {error!r}", flush=True)
        finally:
            with _changed:
                _delivering.clear()


def install() -> None:
    threading.Thread(target=_deliver, name="aws-events", daemon=True).start()
