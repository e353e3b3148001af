"""EventBridge hears when a parameter of the Parameter Store is created, updated, deleted or labelled.

Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-cwe.html
"""

import json

import aws_events


def _say(operation: str, parameter: dict) -> None:
    detail = {"operation": operation, "name": parameter["Name"], "type": parameter["Type"]}
    if parameter.get("Description"):
        detail["description"] = parameter["Description"]
    aws_events.put("aws.ssm", "Parameter Store Change", detail, [parameter["ARN"]])


def install() -> None:
    from ministack.services import ssm

    # Not around the handler of requests: CloudFormation calls these functions.
    put, delete, delete_several, label = ssm._put_parameter, ssm._delete_parameter, ssm._delete_parameters, ssm._label_parameter_version

    def known(name: str) -> dict | None:
        found = ssm._lookup_parameter(name)[1] if name else None
        return dict(found) if found else None

    def put_parameter(data):
        before, reply = known(data.get("Name")), put(data)
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
