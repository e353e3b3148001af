"""Tests move the clock of the services, and what goes by it happens at once."""

import datetime

import pytest
from botocore.exceptions import ClientError
from identities import queue_for
from local_cloud import wait_for
from test_approval import approve, execution
from test_smoke import GROUP, SSH, sources
from test_triggers import messages

HOUR = datetime.timedelta(hours=1)


def machine_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@pytest.fixture
def moved(fresh):
    """A local cloud whose clock a test moves. Afterwards, it is that of the machine."""
    yield fresh
    fresh.reset()


@pytest.fixture
def queue(moved):
    """A queue, and a function that takes its messages."""
    url, _ = queue_for(moved, "timed", "events.amazonaws.com", "arn:aws:events:*")

    def taken(**more) -> list[dict]:
        return moved.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, **more).get("Messages", [])

    return url, taken


def test_the_clock_is_ahead_until_the_reset(moved) -> None:
    before = machine_now()
    moved.advance(hours=2, minutes=30)
    assert before + 2.5 * HOUR <= moved.now() <= machine_now() + 2.5 * HOUR
    moved.advance(days=1)
    assert moved.now() >= before + 26.5 * HOUR
    moved.reset()
    assert moved.now() <= machine_now() + HOUR


@pytest.mark.parametrize("milliseconds", [-1, "1", None, 10**15])
def test_the_clock_moves_ahead_only(moved, milliseconds) -> None:
    with pytest.raises(AssertionError, match="milliseconds"):
        moved.control("POST", "/clock", {"milliseconds": milliseconds})


def test_an_exception_of_config_ends(moved, loop_template) -> None:
    moved.settings(remediationSnapshotSeconds=0.1)
    rule = moved.deploy("loop", loop_template)["RuleName"]
    group = moved.group("opened", SSH)
    moved.settle()
    config = moved.client("config")
    config.put_remediation_exceptions(
        ConfigRuleName=rule, ExpirationTime=machine_now() + 48 * HOUR, ResourceKeys=[{"ResourceType": GROUP, "ResourceId": group}]
    )
    moved.deploy("loop", loop_template, RemediationMode="True")
    moved.advance(hours=47)
    moved.settle()
    assert "0.0.0.0/0" in sources(moved, group)
    moved.advance(hours=2)
    wait_for("the group to be closed", lambda: sources(moved, group) == {"10.0.0.0/8"})


def test_the_schedule_of_a_config_rule_comes(moved, loop_template) -> None:
    outputs = moved.deploy("loop", loop_template)
    moved.settle()

    def scheduled() -> int:
        return [message["message"] for message in messages(moved, outputs)].count("ScheduledNotification")

    assert scheduled() == 1
    moved.advance(hours=25)
    wait_for("the schedule", lambda: scheduled() == 2)


@pytest.mark.parametrize("expression", ["rate(1 hour)", "cron(0 * * * ? *)"])
def test_the_schedule_of_an_eventbridge_rule_comes(moved, expression: str) -> None:
    events = moved.client("events")
    arn = events.put_rule(Name="hourly", ScheduleExpression=expression)["RuleArn"]
    url, queue_arn = queue_for(moved, "hourly", "events.amazonaws.com", arn)
    events.put_targets(Rule="hourly", Targets=[{"Id": "queue", "Arn": queue_arn, "InputPath": "$.time"}])

    def told() -> list[str]:
        return [m["Body"] for m in moved.client("sqs").receive_message(QueueUrl=url).get("Messages", [])]

    # MiniStack counts from the first look at a rule with an expression of cron. It looks twice a second.
    def comes() -> list[str]:
        moved.advance(hours=1)
        return wait_for_some(told)

    found = wait_for("the schedule", comes)
    assert datetime.datetime.fromisoformat(found[0].strip('"')) >= machine_now() + 0.9 * HOUR, "the event has the moved time"


def wait_for_some(told) -> list[str]:
    """What is told within two seconds."""
    try:
        return wait_for("a message", told, 2)
    except TimeoutError:
        return []


def test_a_delayed_message_becomes_visible(moved, queue) -> None:
    url, taken = queue
    moved.client("sqs").send_message(QueueUrl=url, MessageBody="late", DelaySeconds=900)
    assert taken() == []
    moved.advance(minutes=14)
    assert taken() == []
    moved.advance(minutes=2)
    assert [message["Body"] for message in taken(VisibilityTimeout=3600)] == ["late"]
    moved.advance(minutes=59)
    assert taken() == []
    moved.advance(minutes=2)
    assert [message["Body"] for message in taken()] == ["late"]


def test_an_item_that_expired_is_deleted(moved) -> None:
    dynamodb = moved.client("dynamodb")
    dynamodb.create_table(
        TableName="items",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    dynamodb.update_time_to_live(TableName="items", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
    for name, hours in (("soon", 1), ("later", 3)):
        expires = int((machine_now() + hours * HOUR).timestamp())
        dynamodb.put_item(TableName="items", Item={"id": {"S": name}, "expires": {"N": str(expires)}})
    moved.advance(hours=2)

    def left() -> set[str]:
        return {item["id"]["S"] for item in dynamodb.scan(TableName="items")["Items"]}

    wait_for("the item to be deleted", lambda: left() == {"later"})


def test_an_approval_times_out(moved, run) -> None:
    started = run(approve(["alice"]))
    moved.advance(days=6)
    moved.settle()
    assert execution(moved, started)["AutomationExecutionStatus"] == "Waiting"
    moved.advance(days=2)
    wait_for("the end", lambda: execution(moved, started)["AutomationExecutionStatus"] == "TimedOut")


def test_events_come_and_have_the_moved_time(moved, seen) -> None:
    received = seen({"source": ["aws.ec2"]})
    moved.settings(trailEventDelaySeconds=600)
    moved.advance(hours=5)
    group = moved.client("ec2").create_security_group(GroupName="web", Description="web")["GroupId"]
    moved.advance(minutes=11)
    (event,) = received()
    assert datetime.datetime.fromisoformat(event["detail"]["eventTime"]) >= machine_now() + 4.9 * HOUR
    attribute = {"AttributeKey": "ResourceName", "AttributeValue": group}
    history = moved.client("cloudtrail")
    assert len(history.lookup_events(LookupAttributes=[attribute])["Events"]) == 1
    moved.advance(days=91)
    assert history.lookup_events(LookupAttributes=[attribute])["Events"] == [], "the history goes back 90 days"


def test_a_change_of_a_prefix_list_is_complete(moved) -> None:
    moved.settings(prefixListChangeSeconds=3600)
    ec2 = moved.client("ec2")
    made = ec2.create_managed_prefix_list(PrefixListName="offices", AddressFamily="IPv4", MaxEntries=3)["PrefixList"]["PrefixListId"]
    change = {"PrefixListId": made, "CurrentVersion": 1, "AddEntries": [{"Cidr": "198.51.100.0/24"}]}
    ec2.modify_managed_prefix_list(**change)
    with pytest.raises(ClientError, match="modify-in-progress"):
        ec2.modify_managed_prefix_list(**change)
    moved.advance(hours=2)
    assert ec2.describe_managed_prefix_lists(PrefixListIds=[made])["PrefixLists"][0]["State"] == "modify-complete"
