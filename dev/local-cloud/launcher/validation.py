"""Validation of requests against the service model of AWS.

Lengths, ranges, patterns, enumerations and required members come from the model in
botocore.
"""

import functools
import json
import re

import botocore.session


@functools.lru_cache
def _operation(service: str, name: str):
    model = botocore.session.get_session().get_service_model(service)
    return model.operation_model(name) if name in model.operation_names else None


def check(service: str, action: str, body: bytes):
    """Returns the error for a request that AWS rejects before the service receives it, or None."""
    operation = _operation(service, action)
    if operation is None:
        return _error("UnknownOperationException", f"The operation {action} is not one of {service}")
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return _error("SerializationException", "The request is not valid JSON")
    if operation.input_shape is None:
        return None
    problems: list[str] = []
    _check(operation.input_shape, data, "", problems)
    if not problems:
        return None
    plural = "error" if len(problems) == 1 else "errors"
    return _error("ValidationException", f"{len(problems)} validation {plural} detected: " + "; ".join(problems))


def _error(code: str, message: str):
    return 400, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps({"__type": code, "message": message}).encode()


def _path(path: str, name: str) -> str:
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _failed(value, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _check(shape, value, path: str, problems: list[str]) -> None:
    if value is None:
        return
    {"structure": _structure, "list": _list, "map": _map}.get(shape.type_name, _scalar)(shape, value, path, problems)


def _structure(shape, value, path, problems) -> None:
    if not isinstance(value, dict):
        problems.append(_failed(value, path, "Member must be a structure"))
        return
    for name in shape.required_members:
        if value.get(name) is None:
            problems.append(_failed("null", _path(path, name), "Member must not be null"))
    for name, member in shape.members.items():
        if name in value:
            _check(member, value[name], _path(path, name), problems)


def _list(shape, value, path, problems) -> None:
    if not isinstance(value, list):
        problems.append(_failed(value, path, "Member must be a list"))
        return
    _length(shape, len(value), value, path, problems)
    for index, member in enumerate(value, start=1):
        _check(shape.member, member, f"{path}.{index}.member", problems)


def _map(shape, value, path, problems) -> None:
    if not isinstance(value, dict):
        problems.append(_failed(value, path, "Member must be a map"))
        return
    _length(shape, len(value), value, path, problems)
    for key, member in value.items():
        _scalar(shape.key, key, path, problems)
        _check(shape.value, member, f"{path}.{key}.member", problems)


def _length(shape, length: int, value, path: str, problems: list[str]) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if high is not None and length > high:
        problems.append(_failed(value, path, f"Member must have length less than or equal to {high}"))
    if low is not None and length < low:
        problems.append(_failed(value, path, f"Member must have length greater than or equal to {low}"))


def _scalar(shape, value, path, problems) -> None:
    kind = shape.type_name
    if kind == "string":
        if not isinstance(value, str):
            problems.append(_failed(value, path, "Member must be a string"))
            return
        _length(shape, len(value), value, path, problems)
        enum = shape.metadata.get("enum")
        if enum and value not in enum:
            problems.append(_failed(value, path, f"Member must satisfy enum value set: [{', '.join(enum)}]"))
        pattern = shape.metadata.get("pattern")
        if pattern and not _matches(pattern, value):
            problems.append(_failed(value, path, f"Member must satisfy regular expression pattern: {pattern}"))
    elif kind in ("integer", "long", "float", "double"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            problems.append(_failed(value, path, "Member must be a number"))
            return
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        if high is not None and value > high:
            problems.append(_failed(value, path, f"Member must have value less than or equal to {high}"))
        if low is not None and value < low:
            problems.append(_failed(value, path, f"Member must have value greater than or equal to {low}"))
    elif kind == "boolean" and not isinstance(value, bool):
        problems.append(_failed(value, path, "Member must be a boolean"))


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str):
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:
        # Python does not support this Java expression (\p{L}): the member is not checked.
        return None


def _matches(pattern: str, value: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(value) is not None
