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


def reachable(portcullis, group: str, status: str = "ACTIVE", acl: str = "acl-0aaaa1111bbbb2222") -> None:
    """Has Inspector tell that a port of the group is reachable from the internet, or no longer."""
    finding = json.loads((REPOSITORY / "crates/aws-events/tests/samples/inspector2-finding.json").read_text())
    text = json.dumps(finding["detail"]).replace("sg-0aaaaaaaaaaaaaaaa", group).replace("acl-0aaaa1111bbbb2222", acl)
    detail = json.loads(text) | {"status": status}
    detail["awsAccountId"], detail["resources"][0]["region"] = place(portcullis)
    portcullis.cloud.event("aws.inspector2", "Inspector2 Finding", detail)


@pytest.mark.parametrize("response", ["SecurityGroup", "None"])
def test_a_finding_of_inspector_is_answered(responder, portcullis, response):
    responder.deploy(InspectorMode="Close", InspectorResponse=response)
    group = portcullis.cloud.group(f"reachable-{response}", open_to("0.0.0.0/0"))
    reachable(portcullis, group)
    if response == "SecurityGroup":
        wait_for("the port to be closed", is_closed(portcullis, group))
    else:
        assert responder.decided(group) == ["open, and announced only"]
        assert portcullis.sources(group) == {"0.0.0.0/0"}


def test_a_quarantine_is_released_when_the_finding_and_the_port_are_closed(responder, portcullis):
    """The quarantine has Inspector close its finding. If that released it, the port would be open again."""
    responder.deploy(InspectorMode="Close", InspectorResponse="NetworkAcl")
    group = portcullis.cloud.group("quarantined", open_to("0.0.0.0/0"))
    subnet = portcullis.in_use(group)
    filters = [{"Name": "association.subnet-id", "Values": [subnet]}]

    def acl() -> dict:
        return portcullis.ec2.describe_network_acls(Filters=filters)["NetworkAcls"][0]

    def denied() -> int:
        last = 32767
        return sum(entry["RuleAction"] == "deny" and entry["RuleNumber"] != last for entry in acl()["Entries"] if not entry["Egress"])

    before = denied()
    acl_id = acl()["NetworkAclId"]
    reachable(portcullis, group, acl=acl_id)
    wait_for("the port to be denied", lambda: denied() > before)
    assert portcullis.sources(group) == {"0.0.0.0/0"}
    in_place = denied()
    reachable(portcullis, group, "CLOSED", acl_id)
    for _ in range(2):
        portcullis.cloud.settle()
        portcullis.cloud.advance(minutes=16)
    portcullis.cloud.settle()
    assert denied() == in_place, "the port is still open"
    portcullis.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[open_to("0.0.0.0/0")])
    portcullis.cloud.advance(minutes=16)
    wait_for("the quarantine to be released", lambda: denied() == before)


def test_a_prefix_list_that_opens_thirty_groups_closes_them_all(responder, portcullis):
    made = portcullis.ec2.create_managed_prefix_list(
        PrefixListName="offices", AddressFamily="IPv4", MaxEntries=3, Entries=[{"Cidr": "10.0.0.0/8"}]
    )["PrefixList"]
    portcullis.cloud.settle()
    groups = [portcullis.cloud.group(f"offices-{number}", open_to(made["PrefixListId"])) for number in range(30)]
    responder.deploy(CloudTrailMode="Close")
    portcullis.ec2.modify_managed_prefix_list(
        PrefixListId=made["PrefixListId"], CurrentVersion=made["Version"], AddEntries=[{"Cidr": "0.0.0.0/1"}, {"Cidr": "128.0.0.0/1"}]
    )
    wait_for("all groups to be closed", lambda: not any(portcullis.sources(group) for group in groups), seconds=120)
    portcullis.cloud.settle()
    assert {group: len(portcullis.executions(group)) for group in groups} == dict.fromkeys(groups, 1)


@pytest.mark.parametrize("message", ["{group}", '{{ "{group}"}}'])
def test_a_message_of_a_topic_is_answered(responder, portcullis, message):
    """What `AWS-PublishSNSNotification` sends, and the message of the blog, which is no JSON."""
    sns = portcullis.cloud.client("sns")
    topic = sns.create_topic(Name="findings")["TopicArn"]
    responder.deploy(SnsMode="Close", SnsTopicArn=topic)
    group = portcullis.cloud.group("published", open_to("0.0.0.0/0"))
    sns.publish(TopicArn=topic, Message=message.format(group=group))
    wait_for("the port to be closed", is_closed(portcullis, group))


def test_a_message_has_the_internet_replaced_as_the_stack_says(responder, portcullis):
    """What the blog did: the port stays open for some addresses, in whatever VPC the group is."""
    topic = portcullis.cloud.client("sns").create_topic(Name="replacements")["TopicArn"]
    portcullis.update(RemediationStrategy="Replace", ReplacementCidrs="10.11.0.0/16")
    responder.deploy(SnsMode="Close", SnsTopicArn=topic)
    vpc = portcullis.ec2.create_vpc(CidrBlock="10.90.0.0/16")["Vpc"]["VpcId"]
    group = portcullis.ec2.create_security_group(GroupName="elsewhere", Description="elsewhere", VpcId=vpc)["GroupId"]
    portcullis.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[open_to("0.0.0.0/0")])
    portcullis.cloud.client("sns").publish(TopicArn=topic, Message=f'{{ "{group}"}}')
    wait_for("the source to be replaced", lambda: portcullis.sources(group) == {"10.11.0.0/16"})


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
