"""EventBridge Scheduler: what it refuses, and targets that it calls with the role of the schedule.

Source: https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html and
https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html
"""

import json
import re
import threading
from urllib.parse import unquote

import aws_clients
import clock
import gate
import grants
import settings
import validation

SERVICE = "scheduler.amazonaws.com"
INPUT_BYTES = 256 * 1024
_PATH = re.compile(r"/schedules/([^/]+)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
# Calls in progress, by the name of the schedule.
_calling: list[str] = []
_lock = threading.Lock()


def pending() -> list[str]:
    with _lock:
        return list(_calling)


def _error(code: str, message: str, status: int = 400):
    headers = {"Content-Type": "application/json", "x-amzn-errortype": code}
    return status, headers, json.dumps({"__type": code, "Message": message}).encode()


def name_in(path: str) -> str:
    found = _PATH.fullmatch(path)
    return unquote(found[1]) if found else ""


def group_in(body: bytes, query_params: dict) -> str:
    """The group that a request names: in its body, or to read or delete, in its query."""
    try:
        given = json.loads(body or b"{}").get("GroupName")
    except (ValueError, AttributeError):
        given = None
    named = query_params.get("groupName")
    return given or (named[0] if isinstance(named, list) and named else named) or "default"


def _source_arn(schedule: dict) -> str:
    """Scheduler assumes a role for a group of schedules."""
    current = settings.current()
    return f"arn:aws:scheduler:{current.region}:{current.account_id}:schedule-group/{schedule.get('GroupName') or 'default'}"


def _refused(operation: str, name: str, body: dict):
    """The error for a schedule that Scheduler refuses, or None."""
    from ministack.services import eventbridge, scheduler

    problem = validation.check("scheduler", operation, json.dumps({**body, "Name": name}).encode())
    if problem:
        return _error("ValidationException", json.loads(problem[2])["message"])
    window, target, expression = body["FlexibleTimeWindow"], body["Target"], body["ScheduleExpression"]
    if (window["Mode"] == "FLEXIBLE") != ("MaximumWindowInMinutes" in window):
        return _error("ValidationException", "MaximumWindowInMinutes belongs to a flexible time window, and is required there")
    if window["Mode"] == "FLEXIBLE" or body.get("ScheduleExpressionTimezone", "UTC") != "UTC":
        return _error("ValidationException", "the local cloud has no flexible time windows, and no time zone but UTC")
    at = scheduler._at_time_epoch(expression) if _AT.fullmatch(expression) else None
    if at is None and eventbridge._parse_rate_seconds(expression) is None and eventbridge._parse_cron_fields(expression) is None:
        return _error("ValidationException", f"Invalid Schedule Expression {expression}.")
    if at is not None and at <= clock.now() and settings.current().past_schedules == "refused":
        return _error("ValidationException", f"The time of the schedule {expression} is in the past.")
    if len(target.get("Input", "").encode()) > INPUT_BYTES:
        return _error("ValidationException", "The input of a target has at most 256 KB")
    if not re.fullmatch(r"arn:aws:(lambda|sqs|sns):[a-z0-9-]+:\d{12}:.+", target["Arn"]):
        return _error("ValidationException", f"the local cloud has no such target of a schedule: {target['Arn']}")
    try:
        grants.assume_role_as_service(target["RoleArn"], SERVICE, "check", _source_arn(body))
    except grants.RoleNotAssumable:
        return _error("ValidationException", "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")
    return None


def call(schedule: dict) -> None:
    """Calls the target of a schedule with its role, on another thread."""
    with _lock:
        _calling.append(schedule["Name"])

    def run() -> None:
        try:
            _call(schedule)
        finally:
            with _lock:
                _calling.remove(schedule["Name"])

    threading.Thread(target=run, name="schedule", daemon=True).start()


def _call(schedule: dict) -> None:
    target, arn = schedule["Target"], schedule["Target"]["Arn"]
    payload = target.get("Input") or json.dumps({"version": "0", "source": "aws.scheduler", "resources": [schedule["Arn"]]})
    try:
        session = grants.assume_role_as_service(target["RoleArn"], SERVICE, schedule["Name"], _source_arn(schedule))
        _send(arn, payload, session)
    except Exception as error:
        # Whatever it is, a role that is gone or a target that refuses: AWS drops it after its retries.
        gate.record("scheduler", "scheduler:Invoke", SERVICE, arn, 400, type(error).__name__, invoked_by=SERVICE)
        print(f"the schedule {schedule['Name']} could not call {arn}: {error}", flush=True)
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if queue and not isinstance(error, grants.RoleNotAssumable):
            _send(queue, payload, session)


def _send(arn: str, payload: str, session: dict) -> None:
    service, account, name = arn.split(":")[2], arn.split(":")[4], arn.split(":", 5)[5]
    client = aws_clients.make(service, settings.endpoint(), settings.current().region, session)
    if service == "lambda":
        client.invoke(FunctionName=arn, InvocationType="Event", Payload=payload.encode())
    elif service == "sqs":
        client.send_message(QueueUrl=f"{settings.endpoint()}/{account}/{name}", MessageBody=payload)
    else:
        client.publish(TopicArn=arn, Message=payload)


def install() -> None:
    from ministack import app
    from ministack.core import responses, router
    from ministack.services import eventbridge, scheduler

    create, update, handler = scheduler._create_schedule, scheduler._update_schedule, app.SERVICE_HANDLERS["scheduler"]
    invoke_target = eventbridge._invoke_target

    def create_schedule(name, body):
        refused = _refused("CreateSchedule", name, body)
        if refused:
            return refused
        if f"{body.get('GroupName', 'default')}/{name}" not in scheduler._schedules:
            begin(name, body)
        return create(name, body)

    def update_schedule(name, body):
        refused = _refused("UpdateSchedule", name, body)
        if not refused:
            begin(name, body)
        return refused or update(name, body)

    def begin(name, body):
        """Has a schedule not have run yet, which MiniStack remembers by its name."""
        key = (responses.get_account_id(), responses.get_region(), f"{body.get('GroupName', 'default')}/{name}")
        scheduler._schedule_last_fired.pop(key, None)
        at = scheduler._at_time_epoch(body["ScheduleExpression"])
        if at is not None and at <= clock.now() and settings.current().past_schedules == "ignored":
            scheduler._schedule_last_fired[key] = clock.now()

    async def schedules(method, path, headers, body, query_params):
        if method in ("POST", "PUT") and name_in(path):
            # Before the route, which takes other names than AWS, and with the caller, whom CloudFormation does not have.
            try:
                role = (json.loads(body or b"{}").get("Target") or {}).get("RoleArn", "")
            except (ValueError, AttributeError):
                return _error("ValidationException", "The request is not valid JSON")
            access_key = router.extract_access_key_id(headers, query_params) or ""
            denied = role and grants.authorize(access_key, "iam:PassRole", role, {"iam:PassedToService": SERVICE})
            if denied:
                return _error("AccessDeniedException", denied, 403)
            name = name_in(path)
            if not re.fullmatch(r"[0-9a-zA-Z\-_.]{1,64}", name):
                return _error("ValidationException", f"Value '{name}' at 'name' failed to satisfy constraint: 1 to 64 of [0-9a-zA-Z-_.]")
        return await handler(method, path, headers, body, query_params)

    def invoke_target_of_schedule(target, event, rule, view=None):
        if event.get("Source") == "aws.scheduler":
            call(rule)
        else:
            invoke_target(target, event, rule, view)

    scheduler._create_schedule, scheduler._update_schedule = create_schedule, update_schedule
    app.SERVICE_HANDLERS["scheduler"] = schedules
    eventbridge._invoke_target = invoke_target_of_schedule
