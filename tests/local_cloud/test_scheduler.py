"""EventBridge Scheduler runs a schedule once, with its role, and takes what AWS takes."""

import datetime
import json

import pytest
from botocore.exceptions import ClientError
from functions import logged, make_function
from identities import ACCOUNT, code, document, key_of_user, statement
from local_cloud import wait_for

TRUST = statement("Allow", "sts:AssumeRole", None, Principal={"Service": "scheduler.amazonaws.com"})
del TRUST["Resource"]


@pytest.fixture
def function(fresh) -> str:
    """A function that Scheduler has no permission to invoke in its policy, since it needs none."""
    return make_function(fresh, "ending")


@pytest.fixture
def target(fresh, function: str) -> dict:
    """The function, with a role that may invoke it."""
    iam = fresh.client("iam")
    role = iam.create_role(RoleName="schedules", AssumeRolePolicyDocument=document(TRUST))["Role"]["Arn"]
    allowed = statement("Allow", "lambda:InvokeFunction", function)
    iam.put_role_policy(RoleName="schedules", PolicyName="p", PolicyDocument=document(allowed))
    yield {"Arn": function, "RoleArn": role, "Input": json.dumps({"rule": "ports"})}
    fresh.reset()


def at(cloud, **ahead: float) -> str:
    return f"at({(cloud.now() + datetime.timedelta(**ahead)).strftime('%Y-%m-%dT%H:%M:%S')})"


def create(cloud, name: str, target: dict, client=None, **more):
    given = {"ScheduleExpression": at(cloud, hours=1), "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target, **more}
    scheduler = client or cloud.client("scheduler")
    return scheduler.create_schedule(Name=name, **{key: value for key, value in given.items() if value is not None})


def got(cloud) -> list[dict]:
    return logged(cloud, "ending")


def names(cloud) -> list[str]:
    return [schedule["Name"] for schedule in cloud.client("scheduler").list_schedules()["Schedules"]]


def test_a_schedule_runs_once_at_its_time_and_is_deleted(fresh, target: dict) -> None:
    mark = fresh.mark()
    create(fresh, "exemption-ends", target, ActionAfterCompletion="DELETE")
    fresh.advance(minutes=55)
    fresh.settle()
    assert (got(fresh), names(fresh)) == ([], ["exemption-ends"])
    fresh.advance(minutes=10)
    wait_for("the function", lambda: got(fresh) == [{"rule": "ports"}])
    wait_for("the deletion", lambda: names(fresh) == [])
    fresh.advance(days=1)
    fresh.settle()
    assert len(got(fresh)) == 1
    (call,) = fresh.calls(since=mark, action="lambda:InvokeFunction")
    assert call["principal"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/schedules/exemption-ends"


def test_a_schedule_that_is_not_deleted_stays_and_runs_once(fresh, target: dict) -> None:
    create(fresh, "stays", target)
    fresh.advance(hours=2)
    wait_for("the function", lambda: len(got(fresh)) == 1)
    fresh.advance(hours=2)
    fresh.settle()
    assert (len(got(fresh)), names(fresh)) == (1, ["stays"])


def test_without_the_permission_of_its_role_it_does_not_run(fresh, target: dict) -> None:
    fresh.client("iam").delete_role_policy(RoleName="schedules", PolicyName="p")
    mark = fresh.mark()
    create(fresh, "refused", target)
    fresh.advance(hours=2)
    (denied,) = wait_for("the call", lambda: fresh.calls(since=mark, action="lambda:InvokeFunction"))
    assert denied["errorCode"] == "AccessDeniedException"
    fresh.settle()
    assert got(fresh) == []


def test_a_name_is_taken_once(fresh, target: dict) -> None:
    create(fresh, "one", target)
    with pytest.raises(ClientError) as caught:
        create(fresh, "one", target)
    assert code(caught) == "ConflictException"


def test_a_schedule_of_a_name_that_was_used_runs_too(fresh, target: dict) -> None:
    for runs in (1, 2):
        create(fresh, "again", target)
        fresh.advance(hours=2)
        wait_for("the function", lambda runs=runs: len(got(fresh)) == runs)
        fresh.client("scheduler").delete_schedule(Name="again")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a" * 65, {}),
        ("with@sign", {}),
        ("one", {"FlexibleTimeWindow": None}),
        ("one", {"FlexibleTimeWindow": {"Mode": "OFF", "MaximumWindowInMinutes": 5}}),
        ("one", {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}),
        ("one", {"FlexibleTimeWindow": {"Mode": "NEVER"}}),
        ("one", {"ScheduleExpression": "at(2099-01-01)"}),
        ("one", {"ScheduleExpression": "at(2099-01-01T10:00:00Z)"}),
        ("one", {"ScheduleExpression": "tomorrow"}),
        ("one", {"ScheduleExpressionTimezone": "Europe/Berlin"}),
        ("one", {"ActionAfterCompletion": "KEEP"}),
        ("one", {"Description": "d" * 513}),
    ],
)
def test_what_aws_refuses_makes_no_schedule(fresh, target: dict, name: str, change: dict) -> None:
    with pytest.raises(ClientError) as caught:
        create(fresh, name, target, fresh.client("scheduler", parameter_validation=False), **change)
    assert code(caught) == "ValidationException"
    assert names(fresh) == []


def test_a_role_that_does_not_trust_the_scheduler_is_refused(fresh, target: dict) -> None:
    iam = fresh.client("iam")
    trust = {**TRUST, "Principal": {"Service": "events.amazonaws.com"}}
    iam.update_assume_role_policy(RoleName="schedules", PolicyDocument=document(trust))
    with pytest.raises(ClientError, match="must allow AWS EventBridge Scheduler to assume the role"):
        create(fresh, "one", target)
    group = f"arn:aws:scheduler:{fresh.endpoints['region']}:{ACCOUNT}:schedule-group/default"
    for source, taken in ((group, True), (group.replace("default", "other"), False)):
        conditioned = {**TRUST, "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnEquals": {"aws:SourceArn": source}}}
        iam.update_assume_role_policy(RoleName="schedules", PolicyDocument=document(conditioned))
        if taken:
            create(fresh, "one", target)
        else:
            with pytest.raises(ClientError, match="to assume the role"):
                create(fresh, "two", target)


def test_the_caller_needs_to_pass_the_role(fresh, target: dict) -> None:
    schedule = f"arn:aws:scheduler:{fresh.endpoints['region']}:{ACCOUNT}:schedule/default/ours-*"
    may_create = statement("Allow", "scheduler:CreateSchedule", schedule)
    passed = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    may_pass = statement("Allow", "iam:PassRole", target["RoleArn"], passed)

    def client(name: str, *statements: dict):
        return fresh.client("scheduler", key_of_user(fresh, name, *statements))

    for name, refused in (("ours-1", client("without", may_create)), ("theirs-1", client("elsewhere", may_create, may_pass))):
        with pytest.raises(ClientError) as caught:
            create(fresh, name, target, refused)
        assert code(caught) == "AccessDeniedException"
    create(fresh, "ours-1", target, client("with", may_create, may_pass))
    assert names(fresh) == ["ours-1"]


def test_a_time_in_the_past_is_refused(fresh, target: dict) -> None:
    with pytest.raises(ClientError, match="in the past"):
        create(fresh, "past", target, ScheduleExpression=at(fresh, hours=-1))


@pytest.mark.parametrize(("reading", "runs"), [("run", 1), ("ignored", 0)])
def test_or_a_time_in_the_past_is_taken(fresh, target: dict, reading: str, runs: int) -> None:
    fresh.settings(pastSchedules=reading)
    create(fresh, "past", target, ScheduleExpression=at(fresh, hours=-1), ActionAfterCompletion="DELETE")
    create(fresh, "future", target)
    fresh.advance(hours=2)
    wait_for("both, or the other one", lambda: len(got(fresh)) == runs + 1)
    assert ("past" in names(fresh)) == (runs == 0)


def test_a_queue_is_a_target_too(fresh, target: dict) -> None:
    sqs = fresh.client("sqs")
    url = sqs.create_queue(QueueName="late")["QueueUrl"]
    arn = f"arn:aws:sqs:{fresh.endpoints['region']}:{ACCOUNT}:late"
    allowed = statement("Allow", "sqs:SendMessage", arn)
    fresh.client("iam").put_role_policy(RoleName="schedules", PolicyName="queue", PolicyDocument=document(allowed))
    create(fresh, "queue", {**target, "Arn": arn})
    fresh.advance(hours=2)
    (message,) = wait_for("the message", lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    assert json.loads(message["Body"]) == {"rule": "ports"}
