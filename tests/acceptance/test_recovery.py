"""What makes remediation safe to switch on: the rest of a range is kept, there is a way back, and a kill loses nothing."""

import json

from portcullis import GROUP_TYPE, RULE, open_to

WORLD = "0.0.0.0/0"


def run(portcullis, output: str, group: str, **parameters: str) -> dict:
    given = {"SecurityGroupId": [group]} | {name: [value] for name, value in parameters.items()}
    portcullis.ssm.start_automation_execution(DocumentName=portcullis.outputs[output], Parameters=given)
    portcullis.cloud.settle()
    return portcullis.executions(group)[-1]


def rules(portcullis, group: str) -> set[tuple]:
    found = portcullis.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    return {
        (r["IpProtocol"], r["FromPort"], r["ToPort"], r.get("CidrIpv4") or r.get("CidrIpv6"), r.get("Description"))
        for r in found
        if not r["IsEgress"]
    }


def described(ports: tuple[int, int], source: str, description: str) -> dict:
    permission = open_to(source, ports=ports)
    permission["IpRanges"][0]["Description"] = description
    return permission


def test_carve_and_restore(portcullis):
    portcullis.update(RemediationStrategy="Carve")
    group = portcullis.cloud.group("carved", described((20, 25), WORLD, "legacy"), open_to("10.0.0.0/8"))
    portcullis.cloud.settle()
    before = rules(portcullis, group)
    assert portcullis.remediate(group)["State"] == "SUCCEEDED"
    assert {rule[1:] for rule in rules(portcullis, group) if rule[3] == WORLD} == {(20, 21, WORLD, "legacy"), (23, 25, WORLD, "legacy")}
    assert portcullis.sources(group) == {"10.0.0.0/8"}
    assert portcullis.result(group)[0] == "COMPLIANT"

    planned = run(portcullis, "RestoreDocumentName", group, DryRun="true")
    assert planned["Outputs"]["VerifyOutcome.Status"] == ["PLANNED"]
    restored = run(portcullis, "RestoreDocumentName", group)
    assert restored["Outputs"]["VerifyOutcome.Status"] == ["RESTORED"], restored
    assert rules(portcullis, group) == before
    assert portcullis.result(group)[0] == "NON_COMPLIANT"

    held = portcullis.close(group)
    assert held["Outputs"]["VerifyOutcome.Status"] == ["EXEMPT"], held
    exceptions = portcullis.config.describe_remediation_exceptions(
        ConfigRuleName=RULE, ResourceKeys=[{"ResourceType": GROUP_TYPE, "ResourceId": group}]
    )["RemediationExceptions"]
    assert len(exceptions) == 1
    assert portcullis.close(group, IgnoreHold="true")["Outputs"]["VerifyOutcome.Status"] == ["CLOSED"]


def test_without_a_snapshot_nothing_is_changed(portcullis):
    group = portcullis.cloud.group("no-snapshot", open_to(WORLD))
    portcullis.cloud.settle()
    portcullis.cloud.fault(kind="accessDenied", service="s3", action="PutObject", times=20)
    execution = portcullis.close(group)
    assert execution["AutomationExecutionStatus"] == "Failed"
    assert portcullis.sources(group) == {WORLD}


def test_a_kill_between_adding_and_revoking_is_finished_by_the_next_attempt(portcullis):
    portcullis.update(RemediationStrategy="Carve")
    group = portcullis.cloud.group("killed", open_to(WORLD, ports=(20, 25)))
    portcullis.cloud.settle()
    portcullis.cloud.fault(kind="kill", service="ec2", action="AuthorizeSecurityGroupIngress")
    assert portcullis.close(group)["AutomationExecutionStatus"] == "Failed"
    assert portcullis.sources(group) == {WORLD}
    assert portcullis.close(group)["Outputs"]["VerifyOutcome.Status"] == ["CLOSED"]
    assert {rule[1:4] for rule in rules(portcullis, group)} == {(20, 21, WORLD), (23, 25, WORLD)}


def test_quarantine_and_release(portcullis):
    group = portcullis.cloud.group("quarantined", open_to(WORLD, "::/0"))
    subnet = portcullis.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    portcullis.ec2.create_network_interface(SubnetId=subnet, Groups=[group])
    portcullis.cloud.settle()

    def entries() -> list[tuple]:
        acls = portcullis.ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["NetworkAcls"]
        return sorted(
            (e["RuleNumber"], e["RuleAction"], e["Protocol"], json.dumps(e.get("PortRange")), e.get("CidrBlock") or e["Ipv6CidrBlock"])
            for e in acls[0]["Entries"]
            if not e["Egress"]
        )

    before = entries()
    execution = run(portcullis, "QuarantineDocumentName", group)
    assert execution["Outputs"]["VerifyOutcome.Status"] == ["QUARANTINED"], execution
    denies = {(e[2], e[3], e[4]) for e in entries() if e[1] == "deny" and e[0] < 32767}
    # The VPC has no IPv6, and its ACL lets none in.
    assert denies == {("6", '{"From": 22, "To": 22}', WORLD)}
    assert run(portcullis, "QuarantineDocumentName", group)["Outputs"]["VerifyOutcome.Status"] == ["NOTHING_TO_DO"]
    assert run(portcullis, "QuarantineDocumentName", group, Action="release")["Outputs"]["VerifyOutcome.Status"] == ["RELEASED"]
    assert entries() == before
