"""Decisions of AWS services that depend on policies: assuming roles, invoking functions, passing roles."""

import contextvars
import json
import secrets
import time

import settings

# True while a service, and not the code of a function, acts with the session of a role.
by_service: contextvars.ContextVar[bool] = contextvars.ContextVar("local_cloud_by_service", default=False)


class RoleNotAssumable(Exception):
    """A service may not assume a role."""


def assume_role_as_service(role_arn: str, service: str, session: str, source_arn: str) -> dict:
    """Returns session credentials of a role for an AWS service. Raises RoleNotAssumable if the trust policy denies it."""
    from ministack.core import iam_evaluator, responses
    from ministack.services import iam, sts

    current = settings.current()
    role_name = role_arn.rsplit("/", 1)[-1]
    with responses.request_scope(current.account_id, current.region):
        role = iam._roles.get(role_name) if role_arn.startswith("arn:") else None
        if role is None or not _trusts(role, role_arn, service, source_arn, iam_evaluator):
            raise RoleNotAssumable(role_arn)
        expires = time.time() + 3600
        credentials = {
            "accessKeyId": "ASIA" + secrets.token_hex(8).upper(),
            "secretAccessKey": secrets.token_hex(20),
            "sessionToken": secrets.token_urlsafe(96),
        }
        arn = f"arn:aws:sts::{current.account_id}:assumed-role/{role_name}/{session}"
        sts.register_session(
            credentials["accessKeyId"],
            {
                "Arn": arn,
                "UserId": f"{role.get('RoleId', role_name)}:{session}",
                "SecretAccessKey": credentials["secretAccessKey"],
                "SessionToken": credentials["sessionToken"],
                "Expiration": expires,
                "AccountId": current.account_id,
                "PrincipalType": "AssumedRole",
            },
        )
    return {**credentials, "arn": arn}


def _trusts(role: dict, role_arn: str, service: str, source_arn: str, iam_evaluator) -> bool:
    """Returns whether the trust policy of a role allows a service principal to assume it.

    The matcher of MiniStack treats any `Service` entry as the account root. The service
    is therefore compared here, with the condition operators of its evaluator.
    """
    document = role.get("AssumeRolePolicyDocument", "{}")
    document = json.loads(document) if isinstance(document, str) else document
    statements = document.get("Statement", [])
    context = iam_evaluator.EvalContext(
        principal_arn=service,
        principal_type="AWSService",
        principal_account="",
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=settings.current().region,
        service_context={
            "aws:sourceaccount": settings.current().account_id,
            "aws:sourcearn": source_arn,
            "aws:principalservicename": service,
        },
    )
    allowed = False
    for statement in [statements] if isinstance(statements, dict) else statements:
        actions = statement.get("Action", [])
        actions = [actions] if isinstance(actions, str) else actions
        if not iam_evaluator._action_matches("sts:AssumeRole", actions, []):
            continue
        principal = statement.get("Principal", {})
        if principal != "*" and not iam_evaluator._service_principal_matches(principal, service):
            continue
        if not iam_evaluator._conditions_met(statement.get("Condition", {}), context):
            continue
        if statement.get("Effect") == "Deny":
            return False
        allowed = allowed or statement.get("Effect") == "Allow"
    return allowed


def lambda_invocable_by(function: str, service: str, source_arn: str) -> str | None:
    """Returns the reason why an AWS service may not invoke a function, or None if it may."""
    from ministack.core import iam_evaluator, responses
    from ministack.services import lambda_svc

    current = settings.current()
    with responses.request_scope(current.account_id, current.region):
        record, _config, _name = lambda_svc._get_func_record_for_ref(function)
        if not record:
            return f"The Lambda function {function} does not exist"
        context = iam_evaluator.EvalContext(
            principal_arn=service,
            principal_type="AWSService",
            principal_account="",
            action="lambda:InvokeFunction",
            resource_arn=function,
            region=current.region,
            service_context={"aws:sourceaccount": current.account_id, "aws:sourcearn": source_arn},
        )
        decision = iam_evaluator.evaluate_resource_policy(record.get("policy"), context, service=service).decision
    if decision != "Allow":
        return f"The resource-based policy of {function} does not allow {service} to perform lambda:InvokeFunction"
    return None


def authorize(access_key_id: str, action: str, resource: str, context: dict) -> str | None:
    """Returns the reason why a caller may not perform an action, or None if it may or if IAM is not enforced."""
    import ministack.app
    from ministack.core import iam_actions, iam_evaluator, responses

    if not ministack.app.AUTH:
        return None
    current = settings.current()
    token = by_service.set(True)
    try:
        with responses.request_scope(current.account_id, current.region):
            iam_evaluator.pin_request_origin("127.0.0.1", True)
            denied = iam_evaluator.enforce(
                access_key_id, action, action.split(":", maxsplit=1)[0], current.region, resource_arn=resource, service_context=context
            )
    finally:
        by_service.reset(token)
    if denied is None:
        return None
    if isinstance(denied, iam_evaluator.AuthError):
        return denied.message
    return iam_actions.identity_denial_message(action, denied.principal_arn, resource, denied.decision == "Deny")
