"""Findings reach people: the deployed functions tell servers that stand for Slack, Jira and the others."""

import functools
import json

import pytest
from local_cloud import wait_for
from portcullis import PARAMETERS, RULE, finished, open_to, outcome, without_stack
from test_findings import WORLD, Findings

ROUTING = "/portcullis/routing"
TICKETS = ("jira", "jiraDataCenter")
# Channels of the routing document; a topic and Security Hub of the local cloud are the others.
SERVED = ("slack", "slackWebhook", *TICKETS, "pagerduty", "teams", "webhook")


def routing(urls: dict[str, str], topic: str) -> dict:
    """A document that tells every channel of everything."""
    jira = {"kind": "jira", "project": "SEC", "closeTransition": "Done", "reopenTransition": "To Do", "reopenWithinDays": 14}
    channels = {
        "slack": {"kind": "slack", "token": "ssm:/portcullis/channels/slack", "channel": "#security", "apiUrl": urls["slack"]},
        "slackWebhook": {"kind": "slack", "webhook": "ssm:/portcullis/channels/slackWebhook"},
        "jira": jira | {"flavour": "cloud", "url": urls["jira"], "secret": "secretsmanager:portcullis/jira"},
        "jiraDataCenter": jira
        | {"flavour": "dataCenter", "url": urls["jiraDataCenter"], "secret": "ssm:/portcullis/channels/jiraDataCenter"},
        "pagerduty": {"kind": "pagerduty", "routingKey": "ssm:/portcullis/channels/pagerduty", "eventsUrl": urls["pagerduty"]},
        "teams": {"kind": "teams", "webhook": "ssm:/portcullis/channels/teams"},
        "webhook": {"kind": "webhook", "url": urls["webhook"], "secret": "ssm:/portcullis/channels/webhook"},
        "topic": {"kind": "sns", "topicArn": topic},
        "hub": {"kind": "securityHub"},
    }
    # The tests together are no burst.
    return {"version": 1, "channels": channels, "defaultChannels": list(channels), "burst": {"findings": 1000, "minutes": 1}}


class Channels(Findings):
    """The stacks, and whom they tell."""

    def __init__(self, stack, servers, inbox: str):
        super().__init__(stack)
        self.servers, self.inbox = servers, inbox
        self.hub = stack.cloud.client("securityhub")

    def told(self, group: str) -> dict[str, str]:
        """What each channel was told of a group last, by the name of the channel: `open` or `ended`."""
        outbox = self.finding(group).get("deliveries", {})
        return {name: delivery["told"] for name, delivery in outbox.items() if delivery.get("told")}

    def wait_told(self, group: str, told: str, but: tuple[str, ...] = ()) -> None:
        names = sorted({*SERVED, "topic", "hub"} - set(but))

        def all_told() -> bool:
            known = self.told(group)
            return all(known.get(name) == told for name in names)

        try:
            wait_for(f"all channels to be told that {group} is {told}", all_told, 90)
        except Exception as error:
            raise AssertionError(f"{error}: {json.dumps(self.finding(group).get('deliveries'), default=str)}") from error

    def published(self) -> list[dict]:
        """Documents that the topic sent to the queue that subscribes to it."""
        found = []
        while True:
            messages = self.sqs.receive_message(QueueUrl=self.inbox, MaxNumberOfMessages=10).get("Messages", [])
            if not messages:
                return found
            for message in messages:
                found.append(json.loads(json.loads(message["Body"])["Message"]))
                self.sqs.delete_message(QueueUrl=self.inbox, ReceiptHandle=message["ReceiptHandle"])

    def imported(self, group: str) -> list[dict]:
        """Findings of Security Hub about a group."""
        return [one for one in self.hub.get_findings()["Findings"] if group in one["Id"]]

    def sweep(self) -> None:
        """Invokes the sweep, as its schedule does each hour."""
        reply = self._invoke_sweep()
        assert "FunctionError" not in reply, reply["Payload"].read()

    def failing_sweep(self) -> str:
        """Invokes the sweep, which complains. Returns of what."""
        reply = self._invoke_sweep()
        assert "FunctionError" in reply
        return json.loads(reply["Payload"].read())["errorMessage"]

    def _invoke_sweep(self) -> dict:
        return self.cloud.client("lambda").invoke(FunctionName=self.outputs["SweeperFunctionName"], Payload=b"{}")

    def open(self, name: str, **tags: str) -> str:
        group = self.cloud.group(name, open_to(WORLD), tags=tags)
        self.cloud.settle()
        return group


@pytest.fixture(scope="module")
def deployed_channels(tmp_path_factory, running_channel_servers):
    servers = running_channel_servers
    with without_stack(tmp_path_factory.mktemp("channels")) as stack:
        cloud = stack.cloud
        sns, sqs, ssm = (cloud.client(service) for service in ("sns", "sqs", "ssm"))
        cloud.client("securityhub").enable_security_hub()
        topic = sns.create_topic(Name="findings")["TopicArn"]
        inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
        queue = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=inbox, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
        for name, secret in servers.secrets.items():
            ssm.put_parameter(Name=f"/portcullis/channels/{name}", Type="SecureString", Value=secret)
        kept = cloud.client("secretsmanager").create_secret(Name="portcullis/jira", SecretString=servers.secrets["jira"])
        ssm.put_parameter(Name=ROUTING, Type="String", Tier="Advanced", Value=json.dumps(routing(servers.urls, topic)))
        parameters = {
            "RuleName": RULE,
            "SourceInputParameters": json.dumps(PARAMETERS),
            "RoutingDocument": f"ssm:{ROUTING}",
            "ChannelTopicArns": topic,
            "ChannelSecretArns": kept["ARN"],
            "Dashboard": "True",
            "Context": "False",
            "ContextWaitSeconds": "0",
        }
        done = finished(stack.start_deploy("--findings", **parameters))
        assert done.returncode == 0, done.stdout + done.stderr
        stack.deployed()
        yield Channels(stack, servers, inbox)


@pytest.fixture
def channels(deployed_channels, channel_servers):
    deployed_channels.published()
    with deployed_channels.stack.undone():
        yield deployed_channels
        channel_servers.clear_faults()
    wait_for("all events to be recorded", lambda: deployed_channels.waiting() == 0)
    wait_for("all channels to be told", lambda: deployed_channels.waiting("NotifyQueueUrl") == 0, 90)


def test_the_sweep_complains_of_a_document_that_is_not_valid(channels):
    """The first sweep of its process: later ones go on with the last document that was valid for an hour."""
    ssm = channels.cloud.client("ssm")
    valid = ssm.get_parameter(Name=ROUTING)["Parameter"]["Value"]
    put = functools.partial(ssm.put_parameter, Name=ROUTING, Type="String", Tier="Advanced", Overwrite=True)
    put(Value='{"version": 1}')
    try:
        assert "`channels` is missing" in channels.failing_sweep()
    finally:
        put(Value=valid)


def test_every_channel_hears_of_a_finding_from_its_opening_to_its_end(channels):
    servers = channels.servers
    group = channels.open("told", owner="ana@example.com")
    channels.wait_told(group, "open")
    (message,) = servers.messages("#security")
    assert group in message["text"]
    # The owner has a message of their own.
    (own,) = servers.messages("ana@example.com")
    assert group in own["text"]
    for service in TICKETS:
        (ticket,) = servers.tickets(service)
        assert ticket["status"] != "Done"
        assert group in ticket["summary"]
    (incident,) = servers.incidents()
    assert incident["status"] == "triggered"
    (imported,) = channels.imported(group)
    assert imported["RecordState"] == "ACTIVE"
    published = wait_for("the topic to publish", channels.published)
    assert {document["finding"]["key"] for document in published} == {channels.key(group)}
    state = servers.state()
    # The receiver has verified its signature.
    assert state["webhook"]["deliveries"]
    assert state["teams"]["cards"]
    assert state["slackWebhook"]["messages"]

    assert outcome(channels.stack.close(group)) == "CLOSED"
    channels.wait_told(group, "ended")
    (message,) = servers.messages("#security")
    assert "closed" in message["text"]
    assert message["thread"]
    for service in TICKETS:
        (ticket,) = servers.tickets(service)
        assert ticket["status"] == "Done"
    assert [incident["status"] for incident in servers.incidents()] == ["resolved"]
    (imported,) = channels.imported(group)
    assert (imported["RecordState"], imported["Compliance"]["Status"]) == ("ARCHIVED", "PASSED")
    wait_for("the topic to publish the end", lambda: [one for one in channels.published() if one["finding"]["state"] == "closed"])
    # None of the functions wrote a secret to its log.
    logs = channels.cloud.client("logs")
    text = json.dumps(
        [
            event["message"]
            for name in ("recorder", "notifier")
            for event in logs.filter_log_events(logGroupName=f"/aws/lambda/portcullis-findings-{name}")["events"]
        ]
    )
    assert "not delivered" not in text
    for secret in servers.secrets.values():
        assert secret not in text
    assert '\\"Delivered\\"' in text


def test_every_channel_hears_of_a_quarantine_and_of_its_end(channels):
    servers, stack = channels.servers, channels.stack
    group = channels.open("cut-off")
    stack.in_use(group)
    channels.wait_told(group, "open")

    def about_group() -> list[dict]:
        return [message for message in servers.messages("#security") if group in message["text"]]

    assert outcome(stack.quarantine(group)) == "QUARANTINED"
    (message,) = wait_for("Slack", lambda: [m for m in about_group() if "quarantined" in json.dumps(m)])
    denied = f"{group} was quarantined: network ACLs deny ports to it."
    wait_for("the thread", lambda: denied in json.dumps(about_group()))
    for service in TICKETS:
        wait_for(service, lambda service=service: denied in json.dumps([t for t in servers.tickets(service) if group in t["summary"]]))
    wait_for("the topic", lambda: [one for one in channels.published() if one["finding"]["quarantined"]])

    assert outcome(stack.quarantine(group, Action="release")) == "RELEASED"
    ended = f"The quarantine of {group} has ended."
    wait_for("the thread", lambda: ended in json.dumps(about_group()))
    (message,) = about_group()
    assert "quarantined" not in message["text"]
    wait_for("the topic", lambda: [one for one in channels.published() if not one["finding"]["quarantined"]])
    wait_for("the incident", lambda: ended in json.dumps(servers.state()["pagerduty"]))


def test_a_channel_that_is_down_harms_no_other_and_is_told_when_it_is_back(channels):
    servers = channels.servers
    down = ("jira", "slack")
    for service in down:
        servers.fault(service, "down")
    group = channels.open("down")
    channels.wait_told(group, "open", but=down)
    errors = {
        name: delivery["last_error"] for name, delivery in channels.finding(group)["deliveries"].items() if delivery.get("last_error")
    }
    assert set(errors) == set(down), errors
    servers.clear_faults()
    # Not before the pause is over: the queue has it again.
    channels.wait_told(group, "open")
    assert len(servers.tickets()) == 1
    assert len(servers.messages("#security")) == 1


def test_a_channel_that_throttles_is_told_once(channels):
    servers = channels.servers
    for service in ("pagerduty", "teams", "webhook"):
        servers.fault(service, {"rateLimit": {"retryAfter": 1}}, times=1)
    group = channels.open("throttled")
    channels.wait_told(group, "open")
    assert len(servers.incidents()) == 1


def test_the_sweep_finds_whom_nobody_told(channels):
    servers = channels.servers
    servers.fault("webhook", "down")
    group = channels.open("purged")
    channels.wait_told(group, "open", but=("webhook",))
    wait_for("an attempt", lambda: channels.finding(group)["deliveries"].get("webhook", {}).get("attempts"))
    # The messages are lost, and the outbox of the finding is not.
    channels.sqs.purge_queue(QueueUrl=channels.outputs["NotifyQueueUrl"])
    servers.clear_faults()
    channels.sweep()
    channels.wait_told(group, "open")
    assert len(servers.state()["webhook"]["deliveries"]) == 1


def test_a_table_that_is_lost_makes_no_second_ticket(channels):
    servers = channels.servers
    group = channels.open("lost")
    channels.wait_told(group, "open")
    servers.advance(60)
    key = {"key": {"S": channels.key(group)}, "part": {"S": "finding"}}
    channels.dynamodb.delete_item(TableName=channels.table, Key=key)
    # The next evaluation is news for a store that knows nothing.
    channels.cloud.control("POST", "/schedule", {"ruleName": RULE})
    channels.cloud.settle()
    channels.wait_told(group, "open")
    for service in TICKETS:
        assert len(servers.tickets(service)) == 1, service
    assert len(servers.incidents()) == 1
    assert len(channels.imported(group)) == 1


def test_a_deployment_without_its_document_is_refused(channels):
    done = finished(channels.stack.start_deploy("--findings", RuleName=RULE, RoutingDocument="ssm:/portcullis/none"))
    assert done.returncode == 1
    assert "the routing document `/portcullis/none` cannot be read: store it with aws ssm put-parameter" in done.stderr
