"""Queues, topics and functions that read them work together as in AWS."""

import json

import pytest
from botocore.exceptions import ClientError
from functions import logged, make_function
from identities import ACCOUNT, code, document, queue_for, statement
from local_cloud import wait_for

READS = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
# Reports the messages whose text begins with "bad", and logs all.
REPORTS = """
import json
def handler(event, context):
    print(json.dumps({"batch": [r["body"] for r in event["Records"]]}))
    answer = json.loads(event["Records"][0]["body"]) if event["Records"][0]["body"].startswith("{") else None
    return answer or {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in event["Records"] if r["body"].startswith("bad")]}
"""
FAILS = """
import json
def handler(event, context):
    print(json.dumps({"batch": [r["body"] for r in event["Records"]]}))
    raise ValueError("no")
"""
# Logs how many are at work: each marks itself in a directory that all share.
COUNTS = """
import json, os, time
def handler(event, context):
    mine = "/tmp/" + event["Records"][0]["body"].replace("/", "-")
    open(mine, "w").close()
    time.sleep(0.3)
    others = [name for name in os.listdir("/tmp") if name.startswith(event["Records"][0]["body"].rsplit("/", 1)[0].replace("/", "-"))]
    os.remove(mine)
    print(json.dumps({"working": len(others)}))
"""


def arn(cloud, name: str) -> str:
    return f"arn:aws:sqs:{cloud.endpoints['region']}:{ACCOUNT}:{name}"


@pytest.fixture
def sqs(fresh):
    yield fresh.client("sqs")
    fresh.reset()


def queue(cloud, name: str = "work", **attributes: str) -> str:
    return cloud.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def bodies(cloud, url: str, **more) -> list[str]:
    messages = cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, **more).get("Messages", [])
    return sorted(message["Body"] for message in messages)


def read_by(cloud, code_of: str, name: str = "work", **mapping) -> str:
    """Has a function read the queue, and returns the id of the mapping."""
    function = make_function(cloud, "reader", code_of, statement("Allow", READS, arn(cloud, name)))
    given = {"EventSourceArn": arn(cloud, name), "FunctionName": function, **mapping}
    return cloud.client("lambda").create_event_source_mapping(**given)["UUID"]


def test_a_queue_and_a_message_have_delays(fresh, sqs) -> None:
    url = queue(fresh, DelaySeconds="60")
    for body, delay in (("of-queue", {}), ("own", {"DelaySeconds": 120}), ("none", {"DelaySeconds": 0})):
        sqs.send_message(QueueUrl=url, MessageBody=body, **delay)
    assert bodies(fresh, url, VisibilityTimeout=0) == ["none"]
    fresh.advance(seconds=61)
    assert bodies(fresh, url, VisibilityTimeout=0) == ["none", "of-queue"]
    fresh.advance(seconds=60)
    assert bodies(fresh, url, VisibilityTimeout=0) == ["none", "of-queue", "own"]


def test_times_beyond_their_range_are_refused(fresh, sqs) -> None:
    url = queue(fresh)
    sqs.send_message(QueueUrl=url, MessageBody="one")
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    batch = sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "late", "DelaySeconds": 901}])
    assert [one["Code"] for one in batch["Failed"]] == ["InvalidParameterValue"]
    for call in (
        lambda: sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=901),
        lambda: sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=43_201),
        lambda: queue(fresh, "slow", DelaySeconds="901"),
        lambda: sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=11),
        lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=21),
        lambda: sqs.receive_message(QueueUrl=url, VisibilityTimeout=43_201),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert code(caught) in {"InvalidParameterValue", "InvalidAttributeValue", "ReadCountOutOfRange"}


def test_a_received_message_is_hidden_and_its_time_can_be_changed(fresh, sqs) -> None:
    url = queue(fresh, VisibilityTimeout="30")
    sqs.send_message(QueueUrl=url, MessageBody="one")
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert bodies(fresh, url) == []
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=300)
    fresh.advance(seconds=200)
    assert bodies(fresh, url) == []
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    assert bodies(fresh, url) == ["one"]
    fresh.advance(seconds=31)
    assert bodies(fresh, url) == ["one"]


def test_a_message_that_was_received_too_often_goes_to_the_other_queue(fresh, sqs) -> None:
    dead = queue(fresh, "dead")
    url = queue(fresh, RedrivePolicy=json.dumps({"deadLetterTargetArn": arn(fresh, "dead"), "maxReceiveCount": 2}))
    sqs.send_message(QueueUrl=url, MessageBody="one")
    for _ in range(2):
        assert bodies(fresh, url, VisibilityTimeout=0) == ["one"]
    assert (bodies(fresh, url), bodies(fresh, dead)) == ([], ["one"])


def test_a_function_gets_batches_and_only_what_failed_comes_again(fresh, sqs) -> None:
    dead = queue(fresh, "dead")
    url = queue(fresh, RedrivePolicy=json.dumps({"deadLetterTargetArn": arn(fresh, "dead"), "maxReceiveCount": 2}))
    mapping = read_by(fresh, REPORTS, BatchSize=4, MaximumBatchingWindowInSeconds=300, FunctionResponseTypes=["ReportBatchItemFailures"])
    for body in ("good-1", "bad-1", "good-2"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    assert logged(fresh, "reader", "batch") == [], "three are less than a batch"
    sqs.send_message(QueueUrl=url, MessageBody="good-3")
    wait_for(
        "a full batch", lambda: [sorted(batch) for batch in logged(fresh, "reader", "batch")] == [["bad-1", "good-1", "good-2", "good-3"]]
    )
    wait_for("the end", lambda: "1 partial" in fresh.client("lambda").get_event_source_mapping(UUID=mapping)["LastProcessingResult"])
    fresh.advance(seconds=31)
    assert len(logged(fresh, "reader", "batch")) == 1, "the rest waits for the window"
    fresh.advance(seconds=301)
    wait_for("the window", lambda: logged(fresh, "reader", "batch")[1:] == [["bad-1"]])
    fresh.advance(seconds=31)
    wait_for("the dead letter", lambda: bodies(fresh, dead) == ["bad-1"])
    assert len(logged(fresh, "reader", "batch")) == 2


def test_a_local_cloud_is_idle_when_the_function_has_read_what_is_due(fresh, sqs) -> None:
    url = queue(fresh)
    read_by(fresh, REPORTS, BatchSize=1)
    for number in range(5):
        sqs.send_message(QueueUrl=url, MessageBody=f"now-{number}")
    sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=900)
    fresh.settle()
    assert sorted(body for batch in logged(fresh, "reader", "batch") for body in batch) == [f"now-{number}" for number in range(5)]
    fresh.advance(minutes=16)
    fresh.settle()
    assert ["late"] in logged(fresh, "reader", "batch")


@pytest.mark.parametrize(
    "answer",
    [
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"identifier": "x"}]},
        {"batchItemFailures": [{"itemIdentifier": "unknown"}]},
        {"batchItemFailures": "all"},
    ],
)
def test_an_answer_that_lambda_does_not_understand_fails_the_batch(fresh, sqs, answer: dict) -> None:
    dead = queue(fresh, "dead")
    url = queue(fresh, RedrivePolicy=json.dumps({"deadLetterTargetArn": arn(fresh, "dead"), "maxReceiveCount": 1}))
    read_by(fresh, REPORTS, FunctionResponseTypes=["ReportBatchItemFailures"])
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(answer))
    wait_for("the function", lambda: len(logged(fresh, "reader", "batch")) == 1)
    fresh.advance(seconds=31)
    wait_for("the dead letter", lambda: bodies(fresh, dead) == [json.dumps(answer)])


def test_an_answer_without_failures_takes_the_batch(fresh, sqs) -> None:
    url = queue(fresh)
    mapping = read_by(fresh, REPORTS, FunctionResponseTypes=["ReportBatchItemFailures"])
    sqs.send_message(QueueUrl=url, MessageBody='{"batchItemFailures": null}')
    result = fresh.client("lambda").get_event_source_mapping
    wait_for("the end", lambda: result(UUID=mapping)["LastProcessingResult"] == "OK - 1 records, 0 partial failures")
    fresh.advance(seconds=31)
    assert bodies(fresh, url) == []


def test_a_function_that_fails_gets_the_batch_again_after_the_visibility_timeout(fresh, sqs) -> None:
    url = queue(fresh)
    mapping = read_by(fresh, FAILS)
    sqs.send_message(QueueUrl=url, MessageBody="one")
    result = fresh.client("lambda").get_event_source_mapping
    wait_for("the failure", lambda: result(UUID=mapping)["LastProcessingResult"] == "FAILED")
    assert logged(fresh, "reader", "batch") == [["one"]]
    fresh.advance(seconds=31)
    wait_for("the second attempt", lambda: logged(fresh, "reader", "batch") == [["one"], ["one"]])


def test_no_more_batches_are_at_work_than_the_mapping_allows(fresh, sqs, tmp_path) -> None:
    url = queue(fresh)
    read_by(fresh, COUNTS.replace('"/tmp', f'"{tmp_path}'), BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    for number in range(6):
        sqs.send_message(QueueUrl=url, MessageBody=f"counted/{number}")
    wait_for("all messages", lambda: len(logged(fresh, "reader", "working")) == 6)
    assert max(logged(fresh, "reader", "working")) <= 2


@pytest.mark.parametrize(
    ("actions", "attributes", "mapping", "problem"),
    [
        (READS[:2], {}, {}, "GetQueueAttributes"),
        (READS[1:], {}, {}, "ReceiveMessage"),
        (READS, {"VisibilityTimeout": "2"}, {}, "visibility timeout"),
        (READS, {}, {"BatchSize": 11}, "batch window"),
        (READS, {}, {"BatchSize": 10_001, "MaximumBatchingWindowInSeconds": 1}, "BatchSize"),
        (READS, {}, {"MaximumBatchingWindowInSeconds": 301}, "MaximumBatchingWindowInSeconds"),
        (READS, {}, {"ScalingConfig": {"MaximumConcurrency": 1}}, "maximumConcurrency"),
    ],
)
def test_what_lambda_refuses_is_no_mapping(fresh, sqs, actions: list[str], attributes: dict, mapping: dict, problem: str) -> None:
    queue(fresh, **attributes)
    function = make_function(fresh, "reader", REPORTS, statement("Allow", actions, arn(fresh, "work")))
    client = fresh.client("lambda", parameter_validation=False)
    with pytest.raises(ClientError, match=problem):
        client.create_event_source_mapping(EventSourceArn=arn(fresh, "work"), FunctionName=function, **mapping)
    assert client.list_event_source_mappings()["EventSourceMappings"] == []


@pytest.fixture
def topic(fresh) -> str:
    return fresh.client("sns").create_topic(Name="found")["TopicArn"]


@pytest.mark.parametrize("raw", [True, False])
def test_a_topic_sends_to_a_queue_whose_policy_allows_it(fresh, sqs, topic: str, raw: bool) -> None:
    sns = fresh.client("sns")
    allowed, allowed_arn = queue_for(fresh, "allowed", "sns.amazonaws.com", topic)
    other, other_arn = queue_for(fresh, "other", "sns.amazonaws.com", topic + "-else")
    for endpoint in (allowed_arn, other_arn):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint, Attributes={"RawMessageDelivery": str(raw).lower()})
    sns.publish(TopicArn=topic, Message='{ "sg-0123456789abcdef0"}', Subject="open")
    (body,) = wait_for("the message", lambda: bodies(fresh, allowed))
    if raw:
        assert body == '{ "sg-0123456789abcdef0"}'
    else:
        said = json.loads(body)
        assert (said["Type"], said["TopicArn"], said["Subject"], said["Message"]) == (
            "Notification",
            topic,
            "open",
            '{ "sg-0123456789abcdef0"}',
        )
    assert bodies(fresh, other) == []


def test_a_topic_invokes_a_function_whose_policy_allows_it(fresh, sqs, topic: str) -> None:
    sns, functions = fresh.client("sns"), fresh.client("lambda")
    for name in ("allowed", "other"):
        function = make_function(fresh, name)
        source = topic if name == "allowed" else topic + "-else"
        functions.add_permission(
            FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com", SourceArn=source
        )
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    sns.publish(TopicArn=topic, Message="sg-0123456789abcdef0")
    (event,) = wait_for("the function", lambda: logged(fresh, "allowed"))
    (record,) = event["Records"]
    assert (record["EventSource"], record["EventVersion"]) == ("aws:sns", "1.0")
    assert record["EventSubscriptionArn"].startswith(topic + ":")
    said = record["Sns"]
    assert set(said) == {
        "Type",
        "MessageId",
        "TopicArn",
        "Subject",
        "Message",
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertUrl",
        "UnsubscribeUrl",
        "MessageAttributes",
    }
    assert (said["Subject"], said["Message"], said["MessageAttributes"]) == (None, "sg-0123456789abcdef0", {})
    fresh.settle()
    assert logged(fresh, "other") == []


def test_a_function_that_fails_for_a_topic_is_tried_three_times(fresh, sqs, topic: str) -> None:
    fresh.settings(asyncRetryBaseSeconds=0.05)
    function = make_function(fresh, "failing", FAILS.replace('[r["body"] for r in event["Records"]]', "1"))
    fresh.client("lambda").add_permission(
        FunctionName="failing", StatementId="s", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com"
    )
    fresh.client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    fresh.client("sns").publish(TopicArn=topic, Message="one")
    wait_for("three attempts", lambda: logged(fresh, "failing", "batch") == [1, 1, 1])


def test_eventbridge_sends_only_where_the_policy_allows_it(fresh, sqs, seen) -> None:
    received = seen({"source": ["ours"]})
    events = fresh.client("events")
    rule = events.describe_rule(Name="seen")["Arn"]
    other, other_arn = queue_for(fresh, "other", "events.amazonaws.com", rule + "-else")
    dead, dead_arn = queue_for(fresh, "dead", "events.amazonaws.com", rule)
    topic = fresh.client("sns").create_topic(Name="closed")["TopicArn"]
    listening, listening_arn = queue_for(fresh, "listening", "sns.amazonaws.com", topic)
    fresh.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=listening_arn)
    function = make_function(fresh, "silent")
    lost = {"DeadLetterConfig": {"Arn": dead_arn}}
    targets = [{"Id": str(n), "Arn": target, **lost} for n, target in enumerate((other_arn, topic, function))]
    events.put_targets(Rule="seen", Targets=targets)

    def put() -> None:
        assert events.put_events(Entries=[{"Source": "ours", "DetailType": "Thing", "Detail": '{"n": 1}'}])["FailedEntryCount"] == 0

    put()
    assert received()[0]["detail"] == {"n": 1}
    fresh.settle()
    assert (bodies(fresh, other), bodies(fresh, listening), logged(fresh, "silent")) == ([], [], [])
    letters = sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"])["Messages"]
    assert sorted(letter["MessageAttributes"]["TARGET_ARN"]["StringValue"] for letter in letters) == sorted((other_arn, topic, function))
    assert {letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] for letter in letters} == {"NO_PERMISSIONS"}
    assert {json.loads(letter["Body"])["source"] for letter in letters} == {"ours"}

    allowed = statement(
        "Allow", "sns:Publish", topic, {"ArnEquals": {"aws:SourceArn": rule}}, Principal={"Service": "events.amazonaws.com"}
    )
    fresh.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document(allowed))
    put()
    (body,) = wait_for("the notification", lambda: bodies(fresh, listening))
    assert json.loads(json.loads(body)["Message"])["detail"] == {"n": 1}
    received()


def test_a_queue_that_wants_tls_gets_the_events_of_services(fresh, sqs) -> None:
    events = fresh.client("events")
    events.put_rule(Name="wanted", EventPattern='{"source": ["aws.inspector2", "ours"]}')
    url = queue(fresh)
    policy = document(
        statement("Allow", "sqs:SendMessage", arn(fresh, "work"), Principal={"Service": "events.amazonaws.com"}),
        statement("Deny", "sqs:*", arn(fresh, "work"), {"Bool": {"aws:SecureTransport": "false"}}, Principal="*"),
    )
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_targets(Rule="wanted", Targets=[{"Id": "queue", "Arn": arn(fresh, "work"), "InputPath": "$.source"}])
    fresh.event("aws.inspector2", "Inspector2 Finding", {})
    events.put_events(Entries=[{"Source": "ours", "DetailType": "Thing", "Detail": "{}"}])
    assert bodies(fresh, url) == ['"aws.inspector2"', '"ours"']


def test_a_receipt_handle_that_is_none_is_refused(fresh, sqs) -> None:
    url = queue(fresh)
    with pytest.raises(ClientError) as caught:
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle="none", VisibilityTimeout=0)
    assert "ReceiptHandle" in code(caught) or "MessageNotInflight" in code(caught)
