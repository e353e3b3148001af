"""Exempt groups, and groups that are no longer exempt."""

import contextlib
import json

import pytest
from portcullis import PARAMETERS, RULE, evidence, open_to, outcome

WORLD = "0.0.0.0/0"


@contextlib.contextmanager
def rule_with(portcullis, name: str, document: dict):
    """A new rule with these exemptions, which no warm function has cached."""
    parameter = f"/portcullis/{name}"
    portcullis.ssm.put_parameter(Name=parameter, Type="String", Value=json.dumps(document), Overwrite=True)
    with portcullis.another_rule(name, json.dumps(PARAMETERS | {"ExemptionsParameter": parameter})):
        portcullis.config.start_config_rules_evaluation(ConfigRuleNames=[name])
        portcullis.cloud.settle()
        yield name


def test_an_expired_exemption_has_no_effect(portcullis):
    group = portcullis.cloud.group("expired", open_to(WORLD))
    exemption = {"securityGroupId": group, "expires": "2024-02-29", "reason": "migration"}
    with rule_with(portcullis, "expired", {"version": 1, "exemptions": [exemption]}) as rule:
        assert portcullis.result(group, rule)[0] == "NON_COMPLIANT"
        assert outcome(portcullis.close(group, ConfigRuleName=rule)) == "CLOSED"
    assert portcullis.sources(group) == set()


def test_an_exemption_of_one_port_leaves_the_others_to_be_closed(portcullis):
    group = portcullis.cloud.group("one-port", open_to(WORLD), open_to(WORLD, ports=(3389, 3389)))
    exemption = {"securityGroupId": group, "ports": "tcp/22", "expires": "2099-12-31", "reason": "bastion", "owner": "ops"}
    with rule_with(portcullis, "one-port", {"version": 1, "exemptions": [exemption]}) as rule:
        assert portcullis.result(group, rule) == ("NON_COMPLIANT", "tcp/3389 open to 0.0.0.0/0")
        run = portcullis.close(group, ConfigRuleName=rule)
        assert outcome(run) == "CLOSED"
        assert "until 2099-12-31: bastion [ops]" in evidence(run)["message"]
        assert portcullis.result(group, rule)[0] == "COMPLIANT"
    assert portcullis.sources(group) == {WORLD}
    assert portcullis.sources(group, 3389) == set()


@pytest.mark.parametrize("whole_file", [False, True])
def test_a_whitelist_of_hammer_works_unchanged(portcullis, whole_file):
    name = f"hammer-{whole_file}".lower()
    group, other = (portcullis.cloud.group(f"{name}-{which}", open_to(WORLD)) for which in ("listed", "other"))
    vpc = portcullis.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["VpcId"]
    section = {"__comment__": "Detects security groups that are open", "123456789012": [f"{vpc}:{name}-listed"]}
    document = {"secgrp_unrestricted_access": section, "s3_acl": {}} if whole_file else section
    with rule_with(portcullis, name, document) as rule:
        assert portcullis.result(group, rule)[0] == "COMPLIANT"
        assert portcullis.result(other, rule)[0] == "NON_COMPLIANT"
        assert outcome(portcullis.close(group, ConfigRuleName=rule)) == "EXEMPT"
    assert portcullis.sources(group) == {WORLD}


def test_a_tag_exempts_only_if_the_operator_configured_it(portcullis):
    tag = {"portcullis-exempt": "until the migration"}
    group = portcullis.cloud.group("tagged", open_to(WORLD), tags=tag)
    portcullis.cloud.settle()
    assert portcullis.result(group)[0] == "NON_COMPLIANT"

    portcullis.update(ExemptionTagKey="portcullis-exempt")
    portcullis.config.start_config_rules_evaluation(ConfigRuleNames=[RULE])
    portcullis.cloud.settle()
    assert portcullis.result(group)[0] == "COMPLIANT"
    # A rule that the warm remediator has not read yet, with the current parameters of the stack's rule.
    with portcullis.another_rule("with-tag", json.dumps(PARAMETERS | {"ExemptionTagKey": "portcullis-exempt"})):
        assert outcome(portcullis.close(group, ConfigRuleName="with-tag")) == "EXEMPT"
    # A rule without the tag would close the group; IAM denies it to the remediator.
    with portcullis.another_rule("without-tag", json.dumps({"FocusOnPorts": "22"})):
        run = portcullis.close(group, ConfigRuleName="without-tag")
        assert run["AutomationExecutionStatus"] == "Failed"
        assert "ExemptionTagKey" in run["FailureMessage"], run["FailureMessage"]
    assert portcullis.sources(group) == {WORLD}

    portcullis.ec2.delete_tags(Resources=[group], Tags=[{"Key": "portcullis-exempt"}])
    portcullis.cloud.settle()
    assert portcullis.result(group)[0] == "NON_COMPLIANT"
    assert outcome(portcullis.close(group)) == "CLOSED"


def test_malformed_exemptions_stop_evaluation_and_remediation_and_say_where(portcullis):
    group = portcullis.cloud.group("malformed", open_to(WORLD))
    portcullis.cloud.settle()
    exemption = {"securityGroupId": group, "expires": "tomorrow", "reason": "r"}
    with rule_with(portcullis, "malformed", {"version": 1, "exemptions": [exemption]}) as rule:
        assert portcullis.result(group, rule) is None
        run = portcullis.close(group, ConfigRuleName=rule)
        assert run["AutomationExecutionStatus"] == "Failed"
        assert "entry 1" in run["FailureMessage"]
        assert "`tomorrow`" in run["FailureMessage"]
    assert portcullis.sources(group) == {WORLD}
