"""What surrounds a group that was opened: the deployed function looks it up, and the first message says it."""

import json

import pytest
from local_cloud import wait_for
from portcullis import PARAMETERS, RULE, finished, open_to, without_stack
from test_findings import ACCOUNT, WORLD, Findings

ROUTING = "/portcullis/routing"
OWNER = "ana@example.com"


class Context(Findings):
    """The stacks, with one channel."""

    def __init__(self, stack, servers):
        super().__init__(stack)
        self.servers, self.ec2 = servers, stack.cloud.client("ec2")
        (group,) = self.ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["default"]}])["SecurityGroups"][:1]
        vpc = group["VpcId"]
        self.subnets = [one["SubnetId"] for one in self.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]]

    def attach(self, group: str, description: str, **tags: str) -> str:
        """Has an interface use a group, as services attach them."""
        found = self.ec2.create_network_interface(SubnetId=self.subnets[0], Groups=[group], Description=description)["NetworkInterface"]
        if tags:
            self.ec2.create_tags(Resources=[found["NetworkInterfaceId"]], Tags=[{"Key": k, "Value": v} for k, v in tags.items()])
        return found["NetworkInterfaceId"]

    def open(self, group: str) -> None:
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[open_to(WORLD)])
        self.cloud.settle()

    def calls(self, mark: int) -> list[tuple[str, int]]:
        """Calls that the function made, with their status."""
        return [(call["action"], call["status"]) for call in self.cloud.calls(since=mark, principal="ContextRole")]


@pytest.fixture(scope="module")
def deployed_context(tmp_path_factory, running_channel_servers):
    servers = running_channel_servers
    with without_stack(tmp_path_factory.mktemp("context")) as stack:
        ssm = stack.cloud.client("ssm")
        ssm.put_parameter(Name="/portcullis/channels/slack", Type="SecureString", Value=servers.secrets["slack"])
        slack = {"kind": "slack", "token": "ssm:/portcullis/channels/slack", "channel": "#security", "apiUrl": servers.urls["slack"]}
        document = {"version": 1, "channels": {"slack": slack}, "defaultChannels": ["slack"]}
        ssm.put_parameter(Name=ROUTING, Type="String", Value=json.dumps(document))
        # So long that a message that does not wait for the context fails the test.
        parameters = {"RoutingDocument": f"ssm:{ROUTING}", "ContextWaitSeconds": "120"}
        done = finished(stack.start_deploy("--findings", RuleName=RULE, SourceInputParameters=json.dumps(PARAMETERS), **parameters))
        assert done.returncode == 0, done.stdout + done.stderr
        stack.deployed()
        yield Context(stack, servers)


@pytest.fixture
def context(deployed_context, channel_servers):
    with deployed_context.stack.undone():
        yield deployed_context
    wait_for("all events to be recorded", lambda: deployed_context.waiting() == 0)


def test_the_first_message_says_whose_it_is_and_what_uses_it(context):
    """The group of a load balancer, a database and a task: its interfaces say what they belong to, and the tags whose they are."""
    cloud = context.cloud
    balancing, rds = cloud.client("elbv2"), cloud.client("rds")
    tags = [{"Key": "owner", "Value": OWNER}]
    balancer = balancing.create_load_balancer(Name="shop", Subnets=context.subnets[:2], Tags=tags)["LoadBalancers"][0]
    group = cloud.group("surrounded")
    rds.create_db_instance(
        DBInstanceIdentifier="orders",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        MasterUsername="shop",
        MasterUserPassword="not-a-secret",
        AllocatedStorage=20,
        VpcSecurityGroupIds=[group],
        Tags=tags,
    )
    context.attach(group, "ELB " + balancer["LoadBalancerArn"].partition("loadbalancer/")[2])
    context.attach(group, "RDSNetworkInterface")
    context.attach(group, "arn:aws:ecs:task", Owner="#tasks")
    mark = cloud.mark()
    context.open(group)
    context.wait(group, "open")
    (message,) = wait_for("the message", lambda: context.servers.messages("#security"), 90)
    assert group in message["text"]
    finding = context.finding(group)
    assert finding["owner"] == OWNER
    # The owner has a message of their own.
    (own,) = wait_for("the owner's message", lambda: context.servers.messages(OWNER), 90)
    assert "3 interfaces" in json.dumps(own)
    wait_for("the opener", lambda: "root user of account" in json.dumps(context.servers.messages("#security")), 90)
    assert len(context.servers.messages("#security")) == 1
    wanted = {
        "cloudtrail:LookupEvents",
        "ec2:DescribeNetworkInterfaces",
        "elasticloadbalancing:DescribeTags",
        "rds:DescribeDBInstances",
        "dynamodb:Query",
        "dynamodb:PutItem",
        "events:PutEvents",
    }
    calls = context.calls(mark)
    assert wanted <= {action for action, _ in calls}
    assert {status for _, status in calls} == {200}, calls
    attachment = finding["facts"]["attachment"]["value"]
    assert attachment == {"interfaces": 3, "public": False, "example": "arn:aws:ecs:task"}


def test_what_may_not_be_read_holds_up_nothing(context):
    group = context.cloud.group("denied", tags={"owner": OWNER})
    context.attach(group, "RDSNetworkInterface")
    for service, action in (("rds", "DescribeDBInstances"), ("cloudtrail", "LookupEvents")):
        context.cloud.fault(kind="accessDenied", service=service, action=action, principal="ContextRole", times=10)
    context.open(group)
    finding = wait_for("the owner", lambda: (f := context.finding(group)).get("owner") and f, 60)
    assert (finding["owner"], finding["state"]) == (OWNER, "open")
    wait_for("the message", lambda: [one for one in context.servers.messages("#security") if group in one["text"]], 60)
    context.cloud.control("DELETE", "/faults")
    assert finding["key"].startswith(ACCOUNT)
