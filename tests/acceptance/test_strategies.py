"""Strategies that keep legitimate access: Carve and Replace."""

import ipaddress

import pytest
from portcullis import evidence, open_to, outcome

pytestmark = pytest.mark.documents

WORLD = "0.0.0.0/0"
AUTHORIZE = "AuthorizeSecurityGroupIngress"
# Most rules of a group per address family.
QUOTA = 60
TAGS = (("team", "web"),)


@pytest.fixture
def carving(portcullis):
    portcullis.update(RemediationStrategy="Carve")
    return portcullis


def ports(portcullis, group: str, source: str = WORLD) -> set[tuple]:
    return {(first, last) for _, first, last, whose, *_ in portcullis.rules(group) if whose == source}


def others(count: int) -> dict:
    """A permission with this many harmless rules."""
    first = int(ipaddress.ip_address("10.0.0.1"))
    return open_to(*(f"{ipaddress.ip_address(first + number)}/32" for number in range(count)), ports=(443, 443))


def test_carve_leaves_the_other_ports_with_description_and_tags(carving):
    group = carving.cloud.group("carved", open_to("10.0.0.0/8"))
    carving.ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[open_to(WORLD, ports=(20, 25), description="legacy")],
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": [{"Key": "team", "Value": "web"}]}],
    )
    carving.cloud.settle()
    before = carving.rules(group)
    assert carving.remediate(group)["State"] == "SUCCEEDED"
    assert carving.rules(group) == {
        ("tcp", 22, 22, "10.0.0.0/8", None, ()),
        ("tcp", 20, 21, WORLD, "legacy", TAGS),
        ("tcp", 23, 25, WORLD, "legacy", TAGS),
    }
    assert carving.result(group)[0] == "COMPLIANT"

    assert outcome(carving.restore(group)) == "RESTORED"
    assert carving.rules(group) == before


def test_carving_all_traffic_reports_the_blocked_traffic(carving):
    group = carving.cloud.group("carved-all", {"IpProtocol": "-1", "IpRanges": [{"CidrIp": WORLD}]})
    carving.cloud.settle()
    run = carving.close(group)
    assert outcome(run) == "CLOSED"
    assert "no other protocol (GRE, ESP, SCTP …)" in evidence(run)["message"]
    left = {rule[:3] for rule in carving.rules(group)}
    assert left == {(transport, *between) for transport in ("tcp", "udp") for between in ((0, 21), (23, 3388), (3390, 65535))} | {
        ("icmp", -1, -1)
    }


def test_replace_admits_the_operators_networks_instead(portcullis):
    portcullis.update(RemediationStrategy="Replace", ReplacementCidrs="10.1.0.0/16,fd00:1::/32")
    group = portcullis.cloud.group("replaced", open_to(WORLD, "::/0", description="ssh"))
    portcullis.cloud.settle()
    before = portcullis.rules(group)
    assert portcullis.remediate(group)["State"] == "SUCCEEDED"
    assert portcullis.rules(group) == {("tcp", 22, 22, "10.1.0.0/16", "ssh", ()), ("tcp", 22, 22, "fd00:1::/32", "ssh", ())}
    assert portcullis.result(group)[0] == "COMPLIANT"
    assert outcome(portcullis.restore(group)) == "RESTORED"
    assert portcullis.rules(group) == before


@pytest.mark.parametrize(
    ("cidrs", "admitted"),
    [
        # As the console accepts it. EC2 drops host bits, and so does the remediator.
        ("10.1.2.3/16, fd00:1::1/32", {"10.1.0.0/16", "fd00:1::/32"}),
        # More than the 256 characters that AWS Config passes on.
        (",".join(f"198.51.{number}.0/24" for number in range(25)), {f"198.51.{number}.0/24" for number in range(25)}),
    ],
    ids=["host bits", "25"],
)
def test_every_replacement_that_the_template_accepts_closes(portcullis, cidrs, admitted):
    portcullis.update(RemediationStrategy="Replace", ReplacementCidrs=cidrs)
    group = portcullis.cloud.group("replaced", open_to(WORLD, "::/0"))
    portcullis.cloud.settle()
    assert portcullis.remediate(group)["State"] == "SUCCEEDED"
    assert portcullis.sources(group) == admitted


def test_a_caller_passes_replacements_as_one_text(portcullis):
    portcullis.update(RemediationStrategy="Replace")
    group = portcullis.cloud.group("replaced", open_to(WORLD, "::/0"))
    portcullis.cloud.settle()
    assert outcome(portcullis.close(group, ReplacementCidrs="10.2.0.0/16, fd00:2::/32", DryRun="True")) == "PLANNED"
    assert outcome(portcullis.close(group, ReplacementCidrs="10.2.0.0/16, fd00:2::/32", DryRun="False")) == "CLOSED"
    assert portcullis.sources(group) == {"10.2.0.0/16", "fd00:2::/32"}


def test_a_full_group_is_closed_first_and_gets_its_other_rules_when_there_is_room(carving):
    group = carving.cloud.group("full", others(QUOTA - 1), open_to(WORLD, ports=(20, 25)))
    carving.cloud.settle()
    run = carving.close(group)
    # Both remaining ranges need a rule, and the revoked rule frees one.
    assert run["AutomationExecutionStatus"] == "Failed"
    assert "1 rule could not be added" in run["FailureMessage"] or "1 could not be added" in run["FailureMessage"], run["FailureMessage"]
    assert "raise the quota of rules per security group" in run["FailureMessage"]
    assert carving.sources(group) == set()
    assert len(ports(carving, group)) == 1

    carving.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[open_to("10.0.0.1/32", ports=(443, 443))])
    assert outcome(carving.close(group)) == "CLOSED"
    assert ports(carving, group) == {(20, 21), (23, 25)}


def test_a_full_group_with_room_for_the_remaining_range_is_closed_at_once(carving):
    group = carving.cloud.group("just-full", others(QUOTA - 1), open_to(WORLD, ports=(22, 25)))
    carving.cloud.settle()
    assert outcome(carving.close(group)) == "CLOSED"
    assert ports(carving, group) == {(23, 25)}


def test_throttled_additions_are_retried_and_block_no_legitimate_source(carving):
    group = carving.cloud.group("throttled-carve", open_to(WORLD, ports=(20, 25)))
    carving.cloud.settle()
    carving.cloud.fault(service="ec2", action=AUTHORIZE, code="RequestLimitExceeded", status=503, times=2, principal="RemediatorRole")
    mark = carving.cloud.mark()
    assert carving.remediate(group)["State"] == "SUCCEEDED"
    assert ports(carving, group) == {(20, 21), (23, 25)}
    changes = [call for call in carving.calls("RemediatorRole", mark) if call["action"].endswith("SecurityGroupIngress")]
    assert [(call["action"].removeprefix("ec2:"), call["errorCode"]) for call in changes] == [
        (AUTHORIZE, "RequestLimitExceeded"),
        (AUTHORIZE, "RequestLimitExceeded"),
        (AUTHORIZE, None),
        ("RevokeSecurityGroupIngress", None),
    ]


def test_an_existing_rule_does_not_prevent_the_closing(carving):
    group = carving.cloud.group("duplicate", open_to(WORLD, ports=(20, 25)), open_to(WORLD, ports=(20, 21)))
    carving.cloud.settle()
    assert carving.remediate(group)["State"] == "SUCCEEDED"
    assert ports(carving, group) == {(20, 21), (23, 25)}


def test_a_lost_response_to_an_addition_is_detected(carving):
    group = carving.cloud.group("lost-addition", open_to(WORLD, ports=(20, 25)))
    carving.cloud.settle()
    carving.cloud.fault(service="ec2", action=AUTHORIZE, kind="lostReply", principal="RemediatorRole")
    assert carving.remediate(group)["State"] == "SUCCEEDED"
    assert ports(carving, group) == {(20, 21), (23, 25)}
