"""Events that are answered in seconds, without AWS Config: the stack of the responder beside the other one."""

import json

import pytest
from local_cloud import wait_for
from portcullis import ARCHITECTURE, BUCKET, REPOSITORY, ZIPS, open_to

pytestmark = pytest.mark.documents

STACK = "portcullis-responder"


class Responder:
    """The stack of the responder."""

    def __init__(self, portcullis):
        self.portcullis, self.cloud = portcullis, portcullis.cloud
        self.template = (REPOSITORY / "cloudformation" / "responder.yaml").read_text()
        self.outputs: dict[str, str] = {}

    def deploy(self, **parameters: str) -> None:
        """Creates or updates the stack."""
        self.cloud.client("s3").upload_file(str(ZIPS / "responder.zip"), BUCKET, "responder.zip")
        given = {"CodeBucket": BUCKET, "Architecture": ARCHITECTURE, "SettleSeconds": "0"}
        self.outputs = self.cloud.deploy(STACK, self.template, **(given | parameters))
        self.cloud.settle()

    def decisions(self, group: str) -> list[str]:
        """What the responder decided about a group, oldest first."""
        client = self.cloud.client("logs")
        pages = client.get_paginator("filter_log_events").paginate(logGroupName=self.outputs["ResponderLogGroup"])
        lines = [event["message"] for page in pages for event in page["events"]]
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [line["message"] for line in found if line.get("security_group.id") == group]

    def decided(self, group: str, count: int = 1) -> list[str]:
        """The same, once there are so many."""
        return wait_for(f"{count} decisions about {group}", lambda: (found := self.decisions(group))[count - 1 :] and found)


@pytest.fixture
def responder(portcullis):
    """The responder beside the stack, with all triggers off. AWS Config sees nothing, so that only the responder closes."""
    recorder = portcullis.config.describe_configuration_recorders()["ConfigurationRecorders"][0]["name"]
    portcullis.config.stop_configuration_recorder(ConfigurationRecorderName=recorder)
    yield Responder(portcullis)
    portcullis.cloud.client("cloudformation").delete_stack(StackName=STACK)
    portcullis.config.start_configuration_recorder(ConfigurationRecorderName=recorder)
    portcullis.cloud.settle()


def place(portcullis) -> tuple[str, str]:
    """Account and region."""
    return portcullis.cloud.client("sts").get_caller_identity()["Account"], portcullis.cloud.endpoints["region"]


def is_closed(portcullis, group: str):
    return lambda: not portcullis.sources(group)


def test_a_port_is_closed_seconds_after_it_was_opened(responder, portcullis):
    responder.deploy(CloudTrailMode="Close")
    group = portcullis.cloud.group("opened", open_to("0.0.0.0/0"), open_to("10.0.0.0/8"))
    wait_for("the port to be closed to the internet", lambda: portcullis.sources(group) == {"10.0.0.0/8"})
    (execution,) = portcullis.executions(group)
    assert execution["Parameters"]["SecurityGroupId"] == [group]


def test_the_mode_report_closes_nothing(responder, portcullis):
    responder.deploy(CloudTrailMode="Report")
    group = portcullis.cloud.group("reported", open_to("0.0.0.0/0"))
    assert responder.decided(group) == ["open, and announced only"]
    assert portcullis.sources(group) == {"0.0.0.0/0"}
    assert portcullis.executions(group) == []


def test_a_deployment_that_ends_compliant_is_left_alone(responder, portcullis):
    """`terraform apply` replaces rules one by one: for a moment, the group is open."""
    responder.deploy(CloudTrailMode="Close", SettleSeconds="3")
    group = portcullis.cloud.group("replaced", open_to("10.0.0.0/8"))
    portcullis.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[open_to("10.0.0.0/8")])
    portcullis.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[open_to("0.0.0.0/0")])
    portcullis.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[open_to("10.0.0.0/16")])
    portcullis.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[open_to("0.0.0.0/0")])
    assert set(responder.decided(group)) == {"it exposes no blocked port"}
    assert portcullis.executions(group) == []
    assert portcullis.sources(group) == {"10.0.0.0/16"}


def test_the_changes_of_portcullis_itself_are_not_answered(responder, portcullis):
    responder.deploy(CloudTrailMode="Close")
    group = portcullis.cloud.group("restored", open_to("0.0.0.0/0"))
    wait_for("the port to be closed", is_closed(portcullis, group))
    portcullis.cloud.settle()
    decided = responder.decisions(group)
    portcullis.restore(group)
    assert portcullis.sources(group) == {"0.0.0.0/0"}
    portcullis.cloud.settle()
    assert responder.decisions(group) == decided


def test_a_call_that_fails_and_one_about_another_port_start_nothing(responder, portcullis):
    responder.deploy(CloudTrailMode="Close")
    group = portcullis.cloud.group("https", open_to("0.0.0.0/0", ports=(443, 443)))
    with pytest.raises(portcullis.ec2.exceptions.ClientError, match="Duplicate"):
        portcullis.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[open_to("0.0.0.0/0", ports=(443, 443))])
    assert responder.decided(group) == ["it exposes no blocked port"]
    portcullis.cloud.settle()
    assert len(responder.decisions(group)) == 1
    assert portcullis.executions(group) == []


@pytest.mark.parametrize("response", ["SecurityGroup", "None"])
def test_a_finding_of_inspector_is_answered(responder, portcullis, response):
    responder.deploy(InspectorMode="Close", InspectorResponse=response)
    group = portcullis.cloud.group(f"reachable-{response}", open_to("0.0.0.0/0"))
    finding = json.loads((REPOSITORY / "crates/aws-events/tests/samples/inspector2-finding.json").read_text())
    detail = json.loads(json.dumps(finding["detail"]).replace("sg-0aaaaaaaaaaaaaaaa", group))
    detail["awsAccountId"], detail["resources"][0]["region"] = place(portcullis)
    portcullis.cloud.event("aws.inspector2", "Inspector2 Finding", detail)
    if response == "SecurityGroup":
        wait_for("the port to be closed", is_closed(portcullis, group))
    else:
        assert responder.decided(group) == ["open, and announced only"]
        assert portcullis.sources(group) == {"0.0.0.0/0"}


@pytest.mark.parametrize("message", ["{group}", '{{ "{group}"}}'])
def test_a_message_of_a_topic_is_answered(responder, portcullis, message):
    """What `AWS-PublishSNSNotification` sends, and the message of the blog, which is no JSON."""
    sns = portcullis.cloud.client("sns")
    topic = sns.create_topic(Name="findings")["TopicArn"]
    responder.deploy(SnsMode="Close", SnsTopicArn=topic)
    group = portcullis.cloud.group("published", open_to("0.0.0.0/0"))
    sns.publish(TopicArn=topic, Message=message.format(group=group))
    wait_for("the port to be closed", is_closed(portcullis, group))


def test_a_finding_of_security_hub_is_answered(responder, portcullis):
    responder.deploy(SecurityHubMode="Close")
    group = portcullis.cloud.group("hub", open_to("0.0.0.0/0"))
    account, region = place(portcullis)
    finding = {
        "SchemaVersion": "2018-10-08",
        "Id": f"arn:aws:securityhub:{region}:{account}:security-control/EC2.19/finding/1",
        "AwsAccountId": account,
        "Region": region,
        "Compliance": {"Status": "FAILED", "SecurityControlId": "EC2.19"},
        "RecordState": "ACTIVE",
        "Workflow": {"Status": "NEW"},
        "Resources": [{"Type": "AwsEc2SecurityGroup", "Id": f"arn:aws:ec2:{region}:{account}:security-group/{group}"}],
    }
    portcullis.cloud.event("aws.securityhub", "Security Hub Findings - Imported", {"findings": [finding]})
    wait_for("the port to be closed", is_closed(portcullis, group))


def test_a_closing_that_waits_for_an_approval_is_refused(responder, portcullis):
    """The script refuses it before anything is created; with a stack that gets approvers later, groups are announced only."""
    recorder = portcullis.config.describe_configuration_recorders()["ConfigurationRecorders"][0]["name"]
    portcullis.config.start_configuration_recorder(ConfigurationRecorderName=recorder)
    topic = portcullis.cloud.client("sns").create_topic(Name="AutomationApprovals")["TopicArn"]
    approver = portcullis.cloud.client("iam").create_user(UserName="approver")["User"]["Arn"]
    portcullis.update(Approvers=approver, ApprovalTopicArn=topic)
    refused = portcullis.start("deploy", "--bucket", BUCKET, "--responder", "--parameters", "CloudTrailMode=Close")
    _, errors = refused.communicate()
    assert refused.returncode != 0
    assert "set CloudTrailMode to Report" in errors
    names = [one["StackName"] for one in portcullis.cloud.client("cloudformation").describe_stacks()["Stacks"]]
    assert STACK not in names
    responder.deploy(CloudTrailMode="Close")
    group = portcullis.cloud.group("approved", open_to("0.0.0.0/0"))
    assert responder.decided(group) == ["closing refused, because closings wait for an approval"]
    assert portcullis.executions(group) == []
