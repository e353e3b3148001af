"""EventBridge hears when a parameter of the Parameter Store is created, updated, deleted or labelled. Its size has a limit.

Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-cwe.html and
https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
"""

import json

import aws_events


def _say(operation: str, parameter: dict) -> None:
    detail = {"operation": operation, "name": parameter["Name"], "type": parameter["Type"]}
    if parameter.get("Description"):
        detail["description"] = parameter["Description"]
    aws_events.put("aws.ssm", "Parameter Store Change", detail, [parameter["ARN"]])


# Largest values, by the tier of the parameter. Intelligent-Tiering chooses one that is large enough.
LARGEST = {"Standard": 4096, "Advanced": 8192, "Intelligent-Tiering": 8192}


def _too_large(data: dict, before: dict | None):
    """The error for a value that is too large for its tier, or None."""
    from ministack.services import ssm

    value = data.get("Value") or ""
    tier = data.get("Tier") or ssm._default_tier(data, value, before)
    most = LARGEST.get(tier, LARGEST["Standard"])
    if len(value.encode()) <= most:
        return None
    message = f"{tier} tier parameters support a maximum parameter value of {most} characters."
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    return 400, headers, json.dumps({"__type": "ValidationException", "message": message}).encode()


def install() -> None:
    from ministack.services import ssm

    # Not around the handler of requests: CloudFormation calls these functions.
    put, delete, delete_several, label = ssm._put_parameter, ssm._delete_parameter, ssm._delete_parameters, ssm._label_parameter_version

    def known(name: str) -> dict | None:
        found = ssm._lookup_parameter(name)[1] if name else None
        return dict(found) if found else None

    def put_parameter(data):
        before = known(data.get("Name"))
        reply = _too_large(data, before) or put(data)
        after = known(data.get("Name"))
        if reply[0] < 400 and after:
            _say("Update" if before else "Create", after)
        return reply

    def delete_parameter(data):
        before, reply = known(data.get("Name")), delete(data)
        if reply[0] < 400 and before:
            _say("Delete", before)
        return reply

    def delete_parameters(data):
        before = {name: known(name) for name in data.get("Names", [])}
        reply = delete_several(data)
        for name in json.loads(reply[2]).get("DeletedParameters", []):
            _say("Delete", before[name])
        return reply

    def label_parameter_version(data):
        reply, named = label(data), known(data.get("Name"))
        if reply[0] < 400 and named:
            _say("LabelParameterVersion", named)
        return reply

    ssm._put_parameter, ssm._delete_parameter = put_parameter, delete_parameter
    ssm._delete_parameters, ssm._label_parameter_version = delete_parameters, label_parameter_version
