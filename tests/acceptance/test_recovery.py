"""Recovery: every closing can be undone, and no failure in between loses a rule."""

import json

import pytest
from portcullis import GROUP_TYPE, RULE, evidence, open_to, outcome

pytestmark = pytest.mark.documents

WORLD = "0.0.0.0/0"


def test_a_restored_group_is_not_closed_until_the_hold_is_ignored(portcullis):
    group = portcullis.cloud.group("restored", open_to(WORLD), open_to("10.0.0.0/8"))
    portcullis.cloud.settle()
    before = portcullis.rules(group)
    assert portcullis.remediate(group)["State"] == "SUCCEEDED"
    assert portcullis.sources(group) == {"10.0.0.0/8"}

    assert outcome(portcullis.restore(group, DryRun="true")) == "PLANNED"
    assert portcullis.sources(group) == {"10.0.0.0/8"}
    assert outcome(portcullis.restore(group)) == "RESTORED"
    assert portcullis.rules(group) == before
    assert portcullis.result(group)[0] == "NON_COMPLIANT"
    assert outcome(portcullis.restore(group)) == "NOTHING_TO_DO"

    assert outcome(portcullis.close(group)) == "EXEMPT"
    exceptions = portcullis.config.describe_remediation_exceptions(
        ConfigRuleName=RULE, ResourceKeys=[{"ResourceType": GROUP_TYPE, "ResourceId": group}]
    )["RemediationExceptions"]
    assert len(exceptions) == 1
    assert outcome(portcullis.close(group, IgnoreHold="true")) == "CLOSED"


def test_automatic_mode_does_not_undo_a_restore(portcullis):
    group = portcullis.cloud.group("restored-automatic", open_to(WORLD))
    portcullis.cloud.settle()
    portcullis.update(RemediationMode="True")
    portcullis.cloud.settle()
    assert portcullis.sources(group) == set()
    assert outcome(portcullis.restore(group)) == "RESTORED"
    portcullis.cloud.settle()
    assert portcullis.sources(group) == {WORLD}
    assert portcullis.result(group)[0] == "NON_COMPLIANT"


def test_restore_gives_back_what_the_closing_took_and_nothing_else(portcullis):
    """With description and tags. A rule that its owner has removed since stays removed, and one that was added since stays."""
    group = portcullis.cloud.group("changed-since", open_to("198.51.100.0/24", description="offices"))
    portcullis.ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[open_to(WORLD, description="build servers")],
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": [{"Key": "team", "Value": "build"}]}],
    )
    portcullis.cloud.settle()
    assert portcullis.remediate(group)["State"] == "SUCCEEDED"
    portcullis.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[open_to("198.51.100.0/24")])
    mine = open_to("192.0.2.0/24", ports=(443, 443))
    portcullis.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[mine])

    restored = portcullis.restore(group)
    assert outcome(restored) == "RESTORED"
    assert portcullis.rules(group) == {
        ("tcp", 22, 22, WORLD, "build servers", (("team", "build"),)),
        ("tcp", 443, 443, "192.0.2.0/24", None, ()),
    }


def test_a_named_snapshot_is_restored(portcullis):
    group = portcullis.cloud.group("twice-closed", open_to(WORLD, ports=(22, 22), description="first"))
    portcullis.cloud.settle()
    first = portcullis.rules(group)
    snapshot = evidence(portcullis.close(group))["snapshot"]
    portcullis.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[open_to("::/0", description="second")])
    assert outcome(portcullis.close(group)) == "CLOSED"
    assert portcullis.rules(group) == set()
    assert outcome(portcullis.restore(group, Snapshot=snapshot)) == "RESTORED"
    assert portcullis.rules(group) == first


@pytest.mark.parametrize("action", ["PutObject", "ListBucket"])
def test_without_a_snapshot_nothing_is_changed(portcullis, action):
    group = portcullis.cloud.group(f"no-snapshot-{action}", open_to(WORLD))
    portcullis.cloud.settle()
    portcullis.cloud.fault(kind="accessDenied", service="s3", action=action, times=20)
    execution = portcullis.close(group)
    assert execution["AutomationExecutionStatus"] == "Failed"
    assert "nothing was changed" in execution["FailureMessage"], execution["FailureMessage"]
    assert portcullis.sources(group) == {WORLD}


def test_a_lost_response_to_the_snapshot_is_detected(portcullis):
    group = portcullis.cloud.group("lost-snapshot", open_to(WORLD))
    portcullis.cloud.settle()
    before = portcullis.rules(group)
    portcullis.cloud.fault(kind="lostReply", service="s3", action="PutObject", principal="RemediatorRole")
    assert outcome(portcullis.close(group)) == "CLOSED"
    assert outcome(portcullis.restore(group)) == "RESTORED"
    assert portcullis.rules(group) == before


def test_a_kill_after_any_call_loses_nothing(portcullis):
    portcullis.update(RemediationStrategy="Carve")

    def group(name: str) -> str:
        made = portcullis.cloud.group(name, open_to(WORLD, ports=(20, 25), description="legacy"), open_to("10.0.0.0/8"))
        portcullis.cloud.settle()
        return made

    def kill_at(service: str, action: str, skip: int = 0) -> None:
        portcullis.cloud.fault(kind="kill", service=service, action=action, skip=skip, principal="RemediatorRole")

    untouched = group("killed-never")

    def forget_everything() -> None:
        """Starts new processes, which have nothing cached and make every call."""
        kill_at("ec2", "DescribeSecurityGroupRules")
        assert portcullis.close(untouched, DryRun="true")["AutomationExecutionStatus"] == "Failed"

    forget_everything()
    before = portcullis.rules(untouched)
    mark = portcullis.cloud.mark()
    assert outcome(portcullis.close(untouched)) == "CLOSED"
    closed = portcullis.rules(untouched)
    calls = [call["action"].split(":") for call in portcullis.calls("RemediatorRole", mark)]
    assert {"DescribeConfigRules", "PutObject", "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"} <= {a for _, a in calls}

    for number, (service, action) in enumerate(calls):
        victim = group(f"killed-{number}")
        forget_everything()
        kill_at(service, action, skip=calls[:number].count([service, action]))
        killed = portcullis.close(victim)
        assert killed["AutomationExecutionStatus"] == "Failed", (number, action)
        # No legitimate source is blocked in between: the rules are those from before, or already include those that remain.
        assert portcullis.rules(victim) in (before, before | closed, closed), (number, action)
        again = portcullis.close(victim)
        assert outcome(again) in ("CLOSED", "NOTHING_TO_DO"), (number, action)
        assert portcullis.rules(victim) == closed, (number, action)
        assert outcome(portcullis.restore(victim)) == "RESTORED", (number, action)
        assert portcullis.rules(victim) == before, (number, action)


def test_quarantine_and_release(portcullis):
    group = portcullis.cloud.group("quarantined", open_to(WORLD, "::/0"))
    subnet = portcullis.in_use(group)

    def entries() -> list[tuple]:
        acls = portcullis.ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["NetworkAcls"]
        return sorted(
            (e["RuleNumber"], e["RuleAction"], e["Protocol"], json.dumps(e.get("PortRange")), e.get("CidrBlock") or e["Ipv6CidrBlock"])
            for e in acls[0]["Entries"]
            if not e["Egress"]
        )

    before = entries()
    assert outcome(portcullis.quarantine(group, DryRun="true")) == "PLANNED"
    assert entries() == before
    assert outcome(portcullis.quarantine(group)) == "QUARANTINED"
    denies = {(e[2], e[3], e[4]) for e in entries() if e[1] == "deny" and e[0] < 32767}
    # The VPC has no IPv6, and its ACL allows none.
    assert denies == {("6", '{"From": 22, "To": 22}', WORLD)}
    assert outcome(portcullis.quarantine(group)) == "NOTHING_TO_DO"
    assert outcome(portcullis.quarantine(group, Action="release")) == "RELEASED"
    assert entries() == before
    assert outcome(portcullis.quarantine(group, Action="release")) == "NOTHING_TO_DO"


def test_a_full_network_acl_is_reported_with_its_numbers(portcullis):
    group = portcullis.cloud.group("acl-full", open_to(WORLD))
    vpc = portcullis.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["VpcId"]
    subnet = portcullis.ec2.create_subnet(VpcId=vpc, CidrBlock="172.31.200.0/24")["Subnet"]["SubnetId"]
    acl = portcullis.ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    [association] = [
        association
        for found in portcullis.ec2.describe_network_acls()["NetworkAcls"]
        for association in found["Associations"]
        if association["SubnetId"] == subnet
    ]
    portcullis.ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl)
    # 20 entries including the final deny.
    for number in range(18):
        entry = {"RuleNumber": 100 + number, "Protocol": "6", "RuleAction": "allow", "PortRange": {"From": 22, "To": 22}}
        portcullis.ec2.create_network_acl_entry(NetworkAclId=acl, Egress=False, CidrBlock=f"198.51.100.{number}/32", **entry)
    portcullis.ec2.create_network_acl_entry(
        NetworkAclId=acl, Egress=False, CidrBlock=WORLD, RuleNumber=200, Protocol="-1", RuleAction="allow"
    )
    portcullis.ec2.create_network_interface(SubnetId=subnet, Groups=[group])
    portcullis.cloud.settle()
    run = portcullis.quarantine(group)
    assert run["AutomationExecutionStatus"] == "Failed"
    assert acl in run["FailureMessage"]
    assert "20" in run["FailureMessage"], run["FailureMessage"]
