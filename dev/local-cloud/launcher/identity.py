"""IAM for the services outside MiniStack: resources, tags, condition keys.

MiniStack enforces policies at the front door, before a call reaches any service. This
module provides the resource of an EC2, Config or SSM call, and the tags of an EC2
resource, which are in moto.
"""

import json

import grants
import moto_client
import rust
import schedules
import security_hub
import settings

SSM_DOCUMENT_ACTIONS = {
    "CreateDocument",
    "DeleteDocument",
    "DescribeDocument",
    "GetDocument",
    "UpdateDocument",
    "UpdateDocumentDefaultVersion",
}
# AWS authorises these operations on the Config rule; the others have no resource-level permissions.
CONFIG_RULE_ACTIONS = {
    "DeleteConfigRule",
    "GetComplianceDetailsByConfigRule",
    "PutConfigRule",
    "StartConfigRulesEvaluation",
    "DescribeConfigRuleEvaluationStatus",
}


# EC2 authorises these operations on the prefix list.
PREFIX_LIST_ACTIONS = {
    "DeleteManagedPrefixList",
    "GetManagedPrefixListAssociations",
    "GetManagedPrefixListEntries",
    "ModifyManagedPrefixList",
    "RestoreManagedPrefixListVersion",
}


# SQS has no actions for batches: each needs that of one message.
# Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
SQS_BATCHES = {
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}

# Functions by the access key id of the session of their execution role.
_functions: dict[str, str] = {}


def function_of(access_key: str) -> str:
    """Returns the ARN of the function that uses the session of its execution role; empty for another session."""
    return _functions.get(access_key, "")


def _arn(service: str, resource: str, account: str | None = None) -> str:
    current = settings.current()
    account = current.account_id if account is None else account
    return f"arn:aws:{service}:{current.region}:{account}:{resource}"


def _json(body: bytes) -> dict:
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _first(params: dict, name: str) -> str:
    value = params.get(name, "")
    return value[0] if isinstance(value, list) and value else value or ""


def ec2_resource(action: str, params: dict) -> str:
    """Returns the resource on which AWS authorises an EC2 call."""
    if action in PREFIX_LIST_ACTIONS:
        prefix_list = _first(params, "PrefixListId")
        owner = moto_client.prefix_list_owner(prefix_list)
        # Lists of AWS belong to the account `aws`.
        return _arn("ec2", f"prefix-list/{prefix_list}", "aws" if owner == "AWS" else None)
    if action.startswith(("Describe", "Get")):
        return "*"
    group = _first(params, "GroupId")
    if not group and _first(params, "SecurityGroupRuleId.1"):
        group = moto_client.group_of_rule(_first(params, "SecurityGroupRuleId.1"))
    if not group and action in ("CreateTags", "DeleteTags"):
        resource = _first(params, "ResourceId.1")
        kinds = {"sg-": "security-group", "sgr-": "security-group-rule", "vpc-": "vpc", "acl-": "network-acl"}
        for prefix, kind in kinds.items():
            if resource.startswith(prefix):
                return _arn("ec2", f"{kind}/{resource}")
    if not group and _first(params, "NetworkAclId"):
        return _arn("ec2", f"network-acl/{_first(params, 'NetworkAclId')}")
    return _arn("ec2", f"security-group/{group}") if group else ""


# Calls that AWS also authorises on the new rules, which have no id yet.
_RULE_MAKING = {"AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"}


def further_ec2_checks(form: dict[str, str]) -> list[tuple[str, str, dict]]:
    """Returns the further permissions that an EC2 call needs: (action, resource, condition keys)."""
    action = form.get("Action", "")
    checks: list[tuple[str, str, dict]] = []
    tagged: dict[str, dict[str, str]] = {}
    for name, kind in form.items():
        prefix, _, member = name.rpartition(".")
        if not prefix.startswith("TagSpecification.") or member != "ResourceType":
            continue
        keys = [k for k in form if k.startswith(prefix + ".Tag.") and k.endswith(".Key")]
        tags = {form[k]: form.get(k.removesuffix("Key") + "Value", "") for k in keys}
        if tags:
            tagged.setdefault(kind, {}).update(tags)

    def tag_keys(kind: str) -> dict:
        tags = tagged.get(kind, {})
        return {**{f"aws:RequestTag/{k}": v for k, v in tags.items()}, "aws:TagKeys": sorted(tags)} if tags else {}

    if action in _RULE_MAKING:
        checks.append((f"ec2:{action}", _arn("ec2", "security-group-rule/*"), tag_keys("security-group-rule")))
    for kind in tagged:
        checks.append(("ec2:CreateTags", _arn("ec2", f"{kind}/*"), {**tag_keys(kind), "ec2:CreateAction": action}))
    return checks


def ssm_resource(action: str, data: dict) -> str:
    """Returns the resource of an SSM call, except calls about parameters."""
    if action in SSM_DOCUMENT_ACTIONS:
        name = str(data.get("Name", ""))
        return name if name.startswith("arn:") else _arn("ssm", f"document/{name}")
    if action == "StartAutomationExecution":
        name = str(data.get("DocumentName", ""))
        return _arn("ssm", f"automation-definition/{name}:{data.get('DocumentVersion', '$DEFAULT')}")
    if action in ("GetAutomationExecution", "StopAutomationExecution", "DescribeAutomationStepExecutions", "SendAutomationSignal"):
        return _arn("ssm", f"automation-execution/{data.get('AutomationExecutionId', '')}")
    if action in ("DescribeAutomationExecutions", "ListDocuments"):
        return "*"
    return ""


def config_resource(action: str, data: dict) -> str:
    if action not in CONFIG_RULE_ACTIONS:
        return "*"
    name = data.get("ConfigRuleName") or data.get("ConfigRule", {}).get("ConfigRuleName")
    if not name:
        names = data.get("ConfigRuleNames") or []
        name = names[0] if names else ""
    if not name:
        return "*"
    rule_id = rust.get(f"/internal/config-rule-id?name={name}").get("configRuleId")
    return _arn("config", f"config-rule/{rule_id or 'config-rule-unknown'}")


def _group_context(group: str) -> dict:
    """Returns the condition keys of EC2 that describe a security group."""
    described = moto_client.describe_group(group)
    if described is None:
        return {}
    context = {f"ec2:ResourceTag/{k}": v for k, v in described["tags"].items()}
    context["ec2:SecurityGroupID"] = group
    context["ec2:Region"] = settings.current().region
    if described["vpc"]:
        context["ec2:Vpc"] = _arn("ec2", f"vpc/{described['vpc']}")
    return context


def _acl_context(acl: str) -> dict:
    """Returns the condition keys of EC2 that describe a network ACL."""
    described = moto_client.describe_acl(acl)
    if described is None:
        return {}
    context = {f"ec2:ResourceTag/{k}": v for k, v in described["tags"].items()}
    return {**context, "ec2:Region": settings.current().region, "ec2:Vpc": _arn("ec2", f"vpc/{described['vpc']}")}


def _install_conditions() -> None:
    """Returns condition keys that depend on the origin of a call."""
    from ministack.core import iam_evaluator, lambda_runtime
    from ministack.services import lambda_svc

    pin_origin = iam_evaluator.pin_request_origin
    principal_keys = iam_evaluator._principal_keys
    credentials_of = lambda_runtime.execution_credentials

    def pin_request_origin(source_ip, secure_transport):
        # On loopback there is no TLS. Policies must be evaluated as in AWS.
        pin_origin(source_ip, True)

    def execution_credentials(config):
        credentials = credentials_of(config)
        _functions[credentials["AWS_ACCESS_KEY_ID"]] = config.get("FunctionArn", "")
        return credentials

    def keys_of_principal(credential):
        keys = principal_keys(credential)
        function = _functions.get(credential.access_key_id)
        # Set on calls of the code of a function, and not on calls of Lambda with its role.
        if function and not grants.by_service.get():
            keys["lambda:sourcefunctionarn"] = function
        return keys

    iam_evaluator.pin_request_origin = pin_request_origin
    iam_evaluator._principal_keys = keys_of_principal
    for module in (lambda_runtime, lambda_svc):
        module.execution_credentials = execution_credentials

    from ministack import app

    app.pin_request_origin = pin_request_origin


def install() -> None:
    from ministack.core import iam_actions
    from ministack.services import tagging

    _install_conditions()

    extract_action = iam_actions.extract_iam_action
    extract = iam_actions.extract_resource_arn
    tag_context = iam_actions.request_tag_context
    tags_of = tagging.resource_tags

    def extract_iam_action(service, method, path, headers, body, query_params):
        if service == "securityhub":
            action = security_hub.action(method, path)
            return action and f"securityhub:{action}"
        action = extract_action(service, method, path, headers, body, query_params)
        return SQS_BATCHES.get(action, action)

    def extract_resource_arn(service, method, path, headers, body, query_params, region, account_id):
        action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        ours = ""
        if service == "ec2":
            ours = ec2_resource(_first(query_params, "Action"), query_params)
        elif service == "ssm":
            ours = ssm_resource(action, _json(body))
        elif service == "config":
            ours = config_resource(action, _json(body))
        elif service == "scheduler" and schedules.name_in(path):
            ours = _arn("scheduler", f"schedule/{schedules.group_in(body, query_params)}/{schedules.name_in(path)}")
        elif service == "securityhub":
            ours = security_hub.resource()
        elif service == "rds" and _first(query_params, "Action") == "DescribeDBInstances":
            ours = _arn("rds", f"db:{_first(query_params, 'DBInstanceIdentifier') or '*'}")
        return ours or extract(service, method, path, headers, body, query_params, region, account_id)

    def request_tag_context(service, iam_action, body, params):
        context = tag_context(service, iam_action, body, params)
        if service != "ec2":
            return context
        group, acl = _first(params, "GroupId"), _first(params, "NetworkAclId")
        return {**context, **(_group_context(group) if group else {}), **(_acl_context(acl) if acl else {})}

    def resource_tags(arn):
        parts = arn.split(":", 5)
        if len(parts) == 6 and parts[2] == "ec2" and "/" in parts[5]:
            return moto_client.tags(parts[5].split("/", 1)[1])
        return tags_of(arn)

    iam_actions.extract_iam_action = extract_iam_action
    iam_actions.extract_resource_arn = extract_resource_arn
    iam_actions.request_tag_context = request_tag_context
    tagging.resource_tags = resource_tags
