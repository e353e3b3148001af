"""The call log and fault injection, for every call to the front door."""

import asyncio
import itertools
import re
import threading
import time
from collections import deque
from urllib.parse import parse_qs

import cloudtrail
import connection
import identity
import lambda_kill
import throttling

_calls: deque = deque(maxlen=100_000)
_sequence = itertools.count(1)
_faults: list[dict] = []
_fault_ids = itertools.count(1)
_lock = threading.Lock()

KINDS = ("error", "accessDenied", "delay", "drop", "reset", "lostReply", "slowReply", "malformed", "kill")
WHEN = ("before", "after")
# Error of each service when it throttles: (code, status).
_THROTTLED = {
    "ec2": ("RequestLimitExceeded", 503),
    "lambda": ("TooManyRequestsException", 429),
    "s3": ("SlowDown", 503),
}
# Operations whose IAM action has another name. Faults may use either name.
_IAM_NAMES = {
    "s3": {"HeadBucket": "ListBucket", "HeadObject": "GetObject", "ListObjects": "ListBucket", "ListObjectsV2": "ListBucket"},
    "lambda": {"Invoke": "InvokeFunction"},
}
# The AWS CLI polls a stack once, and then every 30 seconds. So that the stack is complete at the first poll, the answer
# to a call that changes it is delayed until it is, or for this many seconds.
_STACK_OPERATIONS = {f"cloudformation:{n}" for n in ("CreateStack", "DeleteStack", "ExecuteChangeSet", "UpdateStack")}
_STACK_SECONDS = 25
_LIMIT = "Request limit exceeded."
# A body that is neither XML nor JSON.
_MALFORMED = b"<<{"
_XML_CODE = re.compile(rb"<Code>([^<]+)</Code>")
_JSON_CODE = re.compile(rb'"(?:__type|Type|code|Code)"\s*:\s*"([^"]+)"')


class ConnectionDropped(Exception):
    """The connection must end without a complete reply."""


def record(
    service: str, action: str, principal: str, resource: str, status: int, error_code: str | None, invoked_by: str | None = None
) -> None:
    """Records a call. `invoked_by` is the AWS service that made it on behalf of the principal."""
    with _lock:
        _calls.append(
            {
                "sequence": next(_sequence),
                "time": time.time(),
                "service": service,
                "action": action,
                "principal": principal,
                "resource": resource,
                "status": status,
                "errorCode": error_code,
                "invokedBy": invoked_by,
            }
        )


def calls(since: int = 0, principal: str = "", action: str = "") -> list[dict]:
    with _lock:
        return [c for c in _calls if c["sequence"] > since and principal in c["principal"] and (not action or c["action"] == action)]


def clear_calls() -> None:
    with _lock:
        _calls.clear()


def add_fault(fault: dict) -> dict:
    known = {"service", "action", "principal", "kind", "when", "times", "skip", "code", "status", "message", "seconds"}
    unknown = sorted(set(fault) - known)
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r} of a fault: use {', '.join(sorted(known))}")
    if fault.get("kind", "error") not in KINDS:
        raise ValueError(f"unknown kind {fault['kind']!r} of a fault: use {', '.join(KINDS)}")
    if "when" in fault and (fault.get("kind") != "kill" or fault["when"] not in WHEN):
        raise ValueError("'when' says whether a 'kill' comes 'before' or 'after' the call is done")
    if not fault.get("service"):
        raise ValueError("a fault needs a service, such as 'ec2'")
    default_code, default_status = _THROTTLED.get(fault["service"], ("ThrottlingException", 400))
    entry = {
        "id": next(_fault_ids),
        "service": fault["service"],
        "action": _IAM_NAMES.get(fault["service"], {}).get(fault.get("action", "*"), fault.get("action", "*")),
        "principal": fault.get("principal", ""),
        "kind": fault.get("kind", "error"),
        "when": fault.get("when", "after") if fault.get("kind") == "kill" else None,
        "times": int(fault.get("times", 1)),
        "skip": int(fault.get("skip", 0)),
        "code": fault.get("code", default_code),
        "status": int(fault.get("status", default_status)),
        "message": fault.get("message", _LIMIT),
        "seconds": float(fault.get("seconds", 0)),
        "injected": 0,
    }
    with _lock:
        _faults.append(entry)
    return entry


def faults() -> list[dict]:
    with _lock:
        return [dict(f) for f in _faults]


def clear_faults() -> None:
    with _lock:
        _faults.clear()


def _take_fault(service: str, operation: str, principal: str) -> dict | None:
    with _lock:
        for fault in _faults:
            if (
                fault["times"] <= 0
                or fault["service"] != service
                or fault["action"] not in ("*", operation)
                or fault["principal"] not in principal
            ):
                continue
            if fault["skip"] > 0:
                fault["skip"] -= 1
                continue
            fault["times"] -= 1
            fault["injected"] += 1
            return dict(fault)
    return None


def _error_code(status: int, headers: dict, body) -> str | None:
    if status < 400:
        return None
    lowered = {k.lower(): v for k, v in headers.items()}
    declared = lowered.get("x-amzn-errortype", "").split(":")[0]
    if declared:
        return declared
    if isinstance(body, bytes):
        found = _XML_CODE.search(body) or _JSON_CODE.search(body)
        if found:
            return found.group(1).decode().rsplit("#", 1)[-1]
    return str(status)


def _describe(app, method, path, headers, body, query_params):
    """Returns (service, IAM action, principal ARN, resource ARN) of a request."""
    from ministack.core import iam_actions, iam_evaluator, responses, router

    params = app._routing_params(method, path, headers, body, query_params)
    service = router.detect_service(method, path, headers, params)
    action = iam_actions.extract_iam_action(service, method, path, headers, body, params)
    if action is None:
        target = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        name = target or (params.get("Action") or [""])[0] or f"{method} {path}"
        action = f"{service}:{name}"
    principal = iam_evaluator.request_caller_arn(headers, query_params)
    region = router.extract_region(headers)
    try:
        resource = iam_actions.extract_resource_arn(service, method, path, headers, body, params, region, responses.get_account_id())
    except Exception:  # a malformed request must not fail because of the log
        resource = "*"
    return service, action, principal, resource


async def _until_stacks_are_done() -> None:
    from ministack.services import cloudformation

    deadline = time.monotonic() + _STACK_SECONDS
    await asyncio.sleep(0)
    while time.monotonic() < deadline:
        if not any(s.get("StackStatus", "").endswith("_IN_PROGRESS") for s in list(cloudformation._stacks.values())):
            return
        await asyncio.sleep(0.02)


def _fault_reply(fault, service, action, principal, headers, request_id):
    from ministack.core import iam_actions

    if fault["kind"] == "accessDenied":
        return iam_actions.access_denied_response(service, action, principal, request_id, headers=headers)
    _status, reply_headers, body = iam_actions.access_denied_response(
        service, action, principal, request_id, error_code=fault["code"], message=fault["message"], headers=headers
    )
    return fault["status"], {**reply_headers, "x-amzn-requestid": request_id}, body


def _record(service: str, action: str, principal: str, resource: str, reply, headers: dict, body: bytes, query_params: dict) -> None:
    """Records a call that was answered: in the log, and one of EC2 in CloudTrail as well."""
    from ministack.core import router

    error = _error_code(*reply)
    record(service, action, principal, resource, reply[0], error)
    if service == "ec2":
        access_key = router.extract_access_key_id(headers, query_params) or ""
        cloudtrail.record(form(body), principal, headers, access_key, reply[2], error)


def _kill(fault, headers, query_params) -> None:
    """Kills the function that makes the call, if the fault requires it."""
    from ministack.core import router

    if fault["kind"] == "kill":
        lambda_kill.kill(identity.function_of(router.extract_access_key_id(headers, query_params) or ""))


def install() -> None:
    from ministack import app

    dispatch = app._dispatch_service_request
    serve = app.app

    async def gated_dispatch(method, path, headers, body, query_params, request_id):
        service, action, principal, resource = _describe(app, method, path, headers, body, query_params)
        fault = _take_fault(service, action.split(":", 1)[-1], principal)
        if fault and fault["seconds"] and fault["kind"] != "slowReply":
            await asyncio.sleep(fault["seconds"])
        if fault and fault["kind"] in ("error", "accessDenied"):
            reply = _fault_reply(fault, service, action, principal, headers, request_id)
            _record(service, action, principal, resource, reply, headers, body, query_params)
            return reply
        if fault is None and throttling.refuses(service, action.split(":", 1)[-1], principal):
            fault = {"kind": "error", "code": _THROTTLED["ec2"][0], "status": _THROTTLED["ec2"][1], "message": _LIMIT}
            reply = _fault_reply(fault, service, action, principal, headers, request_id)
            _record(service, action, principal, resource, reply, headers, body, query_params)
            return reply
        if fault and (fault["kind"] in ("drop", "reset") or fault["when"] == "before"):
            record(service, action, principal, resource, 0, "ConnectionDropped")
            _kill(fault, headers, query_params)
            if fault["kind"] == "reset":
                connection.reset()
            raise ConnectionDropped(action)
        reply = await dispatch(method, path, headers, body, query_params, request_id)
        _record(service, action, principal, resource, reply, headers, body, query_params)
        if action in _STACK_OPERATIONS and reply[0] < 400:
            await _until_stacks_are_done()
        if fault and fault["kind"] in ("lostReply", "kill"):
            _kill(fault, headers, query_params)
            raise ConnectionDropped(action)
        if fault and fault["kind"] == "slowReply":
            await asyncio.sleep(fault["seconds"])
        if fault and fault["kind"] == "malformed":
            unchanged = {k: v for k, v in reply[1].items() if k.lower() not in ("content-length", "etag") and "checksum" not in k.lower()}
            return reply[0], unchanged, _MALFORMED
        return reply

    async def gated_app(scope, receive, send):
        connection.client_port.set((scope.get("client") or ("", 0))[1] or 0)
        try:
            await serve(scope, receive, send)
        except ConnectionDropped:
            # ASGI cannot cut a connection. After a reply that is shorter than announced, the
            # server closes it, and the client fails while reading.
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"64"), (b"connection", b"close")]})
            await send({"type": "http.response.body", "body": b"<", "more_body": True})

    app._dispatch_service_request = gated_dispatch
    app.app = gated_app


def form(body: bytes) -> dict[str, str]:
    """Returns the parameters of a request in the query protocol."""
    return {k: v[0] for k, v in parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True).items()}
