"""The services that MiniStack forwards: EC2 and Security Hub to moto, Config and SSM Automation to the supervisor; and CloudTrail."""

import asyncio
import contextvars
import functools
import json
import re
from concurrent.futures import ThreadPoolExecutor
from xml.sax.saxutils import escape

import clock
import cloudtrail
import ec2_checks
import ec2_paging
import ec2_revoke
import gate
import grants
import identity
import moto_prefix_lists
import rust
import security_hub
import settings
import urllib3
import validation

_moto = urllib3.PoolManager(num_pools=2, maxsize=16, retries=False)
# One call at a time, because moto stores its state in dictionaries without a lock.
_ec2_worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ec2")
_security_hub_worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="security-hub")
_workers = ThreadPoolExecutor(max_workers=64, thread_name_prefix="proxy")

SSM_ACTIONS = {
    "CreateDocument",
    "DeleteDocument",
    "DescribeAutomationExecutions",
    "DescribeAutomationStepExecutions",
    "DescribeDocument",
    "GetAutomationExecution",
    "GetDocument",
    "ListDocuments",
    "SendAutomationSignal",
    "StartAutomationExecution",
    "StopAutomationExecution",
    "UpdateDocument",
    "UpdateDocumentDefaultVersion",
}
_READ_ONLY = ("Describe", "Get", "List", "Search")
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "date", "server", "keep-alive"}
_GROUP_ID = re.compile(rb"<groupId>(sg-[0-9a-f]+)</groupId>")


async def _run(pool, function, *arguments):
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(pool, functools.partial(context.run, function, *arguments))


def _ec2_error(code: str, message: str, status: int = 400):
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message></Error></Errors><RequestID>local</RequestID></Response>"
    )
    return status, {"Content-Type": "text/xml;charset=UTF-8"}, body.encode()


def _changed_groups(form: dict, reply: bytes) -> list[str]:
    """Returns the security groups that a call changed; empty means any of them."""
    action = form.get("Action", "")
    if action == "CreateSecurityGroup":
        return [found.decode() for found in _GROUP_ID.findall(reply)][:1]
    if "SecurityGroup" in action and form.get("GroupId"):
        return [form["GroupId"]]
    if action in ("CreateTags", "DeleteTags"):
        resources = [v for k, v in form.items() if k.startswith("ResourceId.")]
        if resources and all(r.startswith("sg-") for r in resources):
            return resources
    return []


def _unauthorized(form: dict, headers: dict):
    """Returns the error for a call that lacks one of its further permissions, or None."""
    from ministack.core import iam_evaluator, router

    access_key = router.extract_access_key_id(headers, {}) or ""
    for action, resource, context in identity.further_ec2_checks(form):
        refused = grants.authorize(access_key, action, resource, context)
        if action == "ec2:CreateTags":
            # EC2 creates tags on behalf of the caller. The other check is for the call that is logged anyway.
            code = "UnauthorizedOperation" if refused else None
            gate.record("ec2", action, iam_evaluator.caller_arn(), resource, 403 if refused else 200, code, invoked_by="ec2.amazonaws.com")
        if refused:
            return _ec2_error("UnauthorizedOperation", f"You are not authorized to perform this operation. {refused}", 403)
    return None


def _forward(method: str, path: str, headers: dict, body: bytes):
    forwarded = {k: v for k, v in headers.items() if k not in ("host", "content-length", "connection")}
    reply = _moto.request(method, settings.current().moto_url + path, body=body, headers=forwarded, timeout=60)
    return reply, {k: v for k, v in reply.headers.items() if k.lower() not in _HOP_BY_HOP}


def _security_hub(method: str, path: str, headers: dict, body: bytes):
    action = security_hub.action(method, path)
    if action is None:
        return 501, {"Content-Type": "application/json"}, b'{"Message": "the local cloud does not serve this operation"}'
    failed = []
    if action == "BatchImportFindings":
        refused = security_hub.refused(body)
        if refused:
            return refused
        body, failed = security_hub.split(body)
    reply, reply_headers = _forward(method, path, headers, body)
    if action != "BatchImportFindings" or reply.status >= 400:
        return reply.status, reply_headers, reply.data
    security_hub.announce(body, reply.data)
    return reply.status, reply_headers, security_hub.answer(failed, reply.data)


def _ec2(method: str, path: str, headers: dict, body: bytes):
    form = gate.form(body)
    refused = _unauthorized(form, headers)
    if refused:
        return refused
    try:
        ec2_checks.check(form)
        ec2_paging.check(form)
    except (ec2_checks.Refused, ec2_paging.Refused) as error:
        return _ec2_error(error.code, str(error))
    rules = ec2_revoke.before(form)
    unknown = ec2_revoke.unknown_rule(form, rules)
    if unknown:
        return _ec2_error("InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID '{unknown}' does not exist")
    now = {
        moto_prefix_lists.CLOCK_HEADER: str(clock.offset()),
        moto_prefix_lists.SECONDS_HEADER: str(settings.current().prefix_list_change_seconds),
    }
    reply, reply_headers = _forward(method, path, {**headers, **now}, body)
    changed = not form.get("Action", "").startswith(_READ_ONLY) and form.get("DryRun", "").lower() != "true"
    if reply.status < 400 and changed:
        # Sent before the answer, so that "idle" is false from the change on.
        rust.post("/internal/ec2-changed", {"groupIds": _changed_groups(form, reply.data)})
    if reply.status >= 400:
        return reply.status, reply_headers, reply.data
    if rules is not None and form.get("DryRun", "").lower() != "true":
        return reply.status, reply_headers, ec2_revoke.reply(form, rules, reply.data)
    return reply.status, reply_headers, ec2_paging.page(form, reply.data)


def _ours(service: str, headers: dict, body: bytes):
    action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
    refused = validation.check(service, action, body)
    if refused:
        return refused
    from ministack.core import iam_evaluator, router

    status, reply_headers, reply = rust.request(
        "POST",
        "/",
        body,
        {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": headers.get("x-amz-target", ""),
            "x-local-principal": iam_evaluator.caller_arn(),
            "x-local-access-key": router.extract_access_key_id(headers, {}) or "",
        },
        timeout=120,
    )
    return status, {k: v for k, v in reply_headers.items() if k.lower() not in _HOP_BY_HOP}, reply


def _cloudtrail(headers: dict, body: bytes):
    action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
    refused = validation.check("cloudtrail", action, body)
    if refused:
        return refused
    reply = {"Content-Type": "application/x-amz-json-1.1"}
    if action != "LookupEvents":
        return 501, reply, b'{"__type": "NotImplemented", "message": "the local cloud does not serve this operation"}'
    return 200, reply, json.dumps(cloudtrail.look_up(body)).encode()


def install() -> None:
    from ministack import app
    from ministack.core import iam_actions, router

    parameters = app.SERVICE_HANDLERS["ssm"]

    async def ec2(method, path, headers, body, query_params):
        return await _run(_ec2_worker, _ec2, method, path, headers, body)

    async def config(method, path, headers, body, query_params):
        return await _run(_workers, _ours, "config", headers, body)

    async def ssm(method, path, headers, body, query_params):
        action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        if action in SSM_ACTIONS:
            return await _run(_workers, _ours, "ssm", headers, body)
        return await parameters(method, path, headers, body, query_params)

    async def securityhub(method, path, headers, body, query_params):
        return await _run(_security_hub_worker, _security_hub, method, path, headers, body)

    async def event_history(method, path, headers, body, query_params):
        return await _run(_workers, _cloudtrail, headers, body)

    app.SERVICE_HANDLERS.update(ec2=ec2, config=config, ssm=ssm, securityhub=securityhub, cloudtrail=event_history)
    # A service that MiniStack does not know: requests are told by the name in their signature.
    router.SERVICE_PATTERNS.setdefault("securityhub", {"host_patterns": [r"securityhub\."]})
    iam_actions.SERVICE_TO_IAM_NAMESPACE.setdefault("securityhub", "securityhub")
