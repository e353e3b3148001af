"""What Lambda decides about an invocation before and after the function runs: the payload is JSON, and not too large.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

import json
import re

_INVOCATIONS = re.compile(r"/functions/[^/]+/invocations/?$")
# Largest payloads of a request, by the type of invocation, in bytes.
# Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LARGEST = {"RequestResponse": 6_291_456, "Event": 1_048_576}
LARGEST_REPLY = 6_291_556


def _not_in_json(name: str):
    raise ValueError(f"{name} is not JSON")


def _error(code: str, status: int, message: str):
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    return status, headers, json.dumps({"Type": "User", "message": message}).encode()


def refusal(body: bytes, kind: str):
    """Returns the error for a payload that Lambda refuses, or None."""
    largest = LARGEST.get(kind, LARGEST["RequestResponse"])
    if len(body) > largest:
        return _error("RequestTooLargeException", 413, f"Request must be smaller than {largest} bytes for the InvokeFunction operation")
    try:
        # Python's json also reads NaN and Infinity.
        json.loads(body or b"{}", parse_constant=_not_in_json)
    except (ValueError, RecursionError) as error:
        return _error("InvalidRequestContentException", 400, f"Could not parse request body into json: {error}")
    return None


def limited(reply):
    """Returns the reply of a function, or the error that replaces one that is too large."""
    status, headers, body = reply
    if status != 200 or len(body or b"") <= LARGEST_REPLY:
        return reply
    message = f"Response payload size exceeded maximum allowed payload size ({LARGEST_REPLY} bytes)."
    error = {"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"}
    return status, {**headers, "X-Amz-Function-Error": "Unhandled"}, json.dumps(error).encode()


def install() -> None:
    from ministack import app

    serve = app.SERVICE_HANDLERS["lambda"]

    async def handler(method, path, headers, body, query_params):
        if method != "POST" or not _INVOCATIONS.search(path):
            return await serve(method, path, headers, body, query_params)
        kind = next((v for k, v in headers.items() if k.lower() == "x-amz-invocation-type"), "RequestResponse")
        return refusal(body, kind) or limited(await serve(method, path, headers, body, query_params))

    app.SERVICE_HANDLERS["lambda"] = handler
