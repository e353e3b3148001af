"""Events from AWS Config, and the evaluations that the rule returns."""

import json

from portcullis import GROUP_TYPE, PARAMETERS, RULE, open_to, outcome

WORLD = "0.0.0.0/0"


def test_a_change_is_evaluated_and_says_port_source_and_rule(portcullis):
    group = portcullis.cloud.group("change", open_to(WORLD, "::/0", "10.0.0.0/8"), open_to(WORLD, ports=(3000, 4000)))
    portcullis.cloud.settle()
    annotation = "tcp/22 open to 0.0.0.0/0, ::/0; tcp/3389 (in 3000-4000) open to 0.0.0.0/0"
    assert portcullis.result(group) == ("NON_COMPLIANT", annotation)

    portcullis.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[open_to(WORLD, "::/0"), open_to(WORLD, ports=(3000, 4000))])
    portcullis.cloud.settle()
    assert portcullis.result(group) == ("COMPLIANT", "no blocked port is open to the world")


def test_an_evaluation_costs_one_call_when_warm(portcullis):
    portcullis.cloud.group("warm-up", open_to(WORLD))
    portcullis.cloud.settle()
    mark = portcullis.cloud.mark()
    group = portcullis.ec2.create_security_group(GroupName="one-call", Description="d")["GroupId"]
    portcullis.cloud.settle()
    calls = [call["action"] for call in portcullis.calls("EvaluatorRole", mark)]
    # The exemptions are read again after a minute.
    assert [call for call in calls if call != "ssm:GetParameter"] == ["config:PutEvaluations"], calls
    assert portcullis.result(group)[0] == "COMPLIANT"


def test_an_oversized_item_is_fetched_from_the_history(portcullis):
    portcullis.cloud.settings(oversizedThresholdBytes=500)
    mark = portcullis.cloud.mark()
    group = portcullis.cloud.group("oversized", open_to(WORLD))
    portcullis.cloud.settle()
    assert portcullis.result(group) == ("NON_COMPLIANT", "tcp/22 open to 0.0.0.0/0")
    assert portcullis.cloud.calls(since=mark, principal="EvaluatorRole", action="config:GetResourceConfigHistory")


def test_a_deleted_group_loses_its_result(portcullis):
    group = portcullis.cloud.group("deleted", open_to(WORLD))
    portcullis.cloud.settle()
    assert portcullis.result(group)[0] == "NON_COMPLIANT"
    portcullis.ec2.delete_security_group(GroupId=group)
    portcullis.cloud.settle()
    assert portcullis.result(group) is None


def test_a_group_that_left_the_scope_loses_its_result(portcullis):
    group = portcullis.cloud.group("left-scope", open_to(WORLD))
    portcullis.cloud.settle()
    portcullis.cloud.control("POST", "/redeliver", {"ruleName": RULE, "resourceId": group, "variant": "leftScope"})
    portcullis.cloud.settle()
    assert portcullis.result(group) is None


def test_an_exempt_group_is_compliant_and_left_alone(portcullis):
    group = portcullis.cloud.group("exempt", open_to(WORLD))
    portcullis.cloud.settle()
    exemption = {"securityGroupId": group, "expires": "2099-12-31", "reason": "bastion", "owner": "ops"}
    document = json.dumps({"version": 1, "exemptions": [exemption]})
    portcullis.ssm.put_parameter(Name="/portcullis/re-evaluate", Type="String", Value=document)
    parameters = json.dumps(PARAMETERS | {"ExemptionsParameter": "/portcullis/re-evaluate"})
    with portcullis.another_rule("re-evaluate", parameters):
        portcullis.config.start_config_rules_evaluation(ConfigRuleNames=["re-evaluate"])
        portcullis.cloud.settle()
        expected = "exempt until 2099-12-31: bastion [ops] (tcp/22 open to 0.0.0.0/0)"
        assert portcullis.result(group, "re-evaluate") == ("COMPLIANT", expected)
        # An exempt group is not remediated, not even manually.
        run = portcullis.close(group, ConfigRuleName="re-evaluate")
        assert outcome(run) == "EXEMPT"
    assert portcullis.sources(group) == {WORLD}


def test_re_evaluate_replaces_a_lost_result(portcullis):
    group = portcullis.cloud.group("lost", open_to(WORLD))
    portcullis.cloud.settings(failNextEvaluations=3)
    portcullis.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[open_to(WORLD)])
    portcullis.cloud.settle()
    portcullis.cloud.settings(failNextEvaluations=0)
    portcullis.config.start_config_rules_evaluation(ConfigRuleNames=[RULE])
    portcullis.cloud.settle()
    assert portcullis.result(group)[0] == "COMPLIANT"


def test_a_schedule_judges_every_group_and_withdraws_deleted_ones(portcullis):
    cloud = portcullis.cloud
    kept, gone = cloud.group("scheduled", open_to(WORLD)), cloud.group("scheduled-and-gone", open_to(WORLD))
    cloud.settle()
    # The recorder is off: the rule gets no event for the deletion or for the new group.
    portcullis.config.stop_configuration_recorder(ConfigurationRecorderName=recorder(portcullis))
    try:
        portcullis.ec2.delete_security_group(GroupId=gone)
        new = cloud.group("scheduled-and-new", open_to("::/0"))
        cloud.settle()
        assert (portcullis.result(gone)[0], portcullis.result(new)) == ("NON_COMPLIANT", None)
        cloud.control("POST", "/schedule", {"ruleName": RULE})
        cloud.settle()
    finally:
        portcullis.config.start_configuration_recorder(ConfigurationRecorderName=recorder(portcullis))
        cloud.settle()
    assert portcullis.result(kept)[0] == "NON_COMPLIANT"
    assert portcullis.result(new) == ("NON_COMPLIANT", "tcp/22 open to ::/0")
    assert portcullis.result(gone) is None


def recorder(portcullis) -> str:
    return portcullis.config.describe_configuration_recorders()["ConfigurationRecorders"][0]["name"]


def test_more_groups_than_one_call_takes_are_reported_in_batches(portcullis):
    for number in range(120):
        portcullis.ec2.create_security_group(GroupName=f"batch-{number}", Description="d")
    portcullis.cloud.settle()
    mark = portcullis.cloud.mark()
    portcullis.cloud.control("POST", "/schedule", {"ruleName": RULE})
    portcullis.cloud.settle()
    puts = portcullis.cloud.calls(since=mark, principal="EvaluatorRole", action="config:PutEvaluations")
    assert len(puts) >= 2
    assert not [call for call in puts if call["errorCode"]]


def test_the_same_event_twice_and_late_changes_nothing(portcullis):
    group = portcullis.cloud.group("twice", open_to(WORLD))
    portcullis.cloud.settle()
    portcullis.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[open_to(WORLD)])
    portcullis.cloud.settle()
    for variant in ("duplicate", "late", "duplicate"):
        portcullis.cloud.control("POST", "/redeliver", {"ruleName": RULE, "resourceId": group, "variant": variant})
        portcullis.cloud.settle()
        assert portcullis.result(group)[0] == "COMPLIANT", variant


def test_a_customers_prefix_list_is_resolved(portcullis):
    def prefix_list(name: str, *cidrs: str) -> str:
        made = portcullis.ec2.create_managed_prefix_list(
            PrefixListName=name, AddressFamily="IPv4", MaxEntries=5, Entries=[{"Cidr": cidr} for cidr in cidrs]
        )
        return made["PrefixList"]["PrefixListId"]

    anywhere, office = prefix_list("anywhere", "0.0.0.0/1", "128.0.0.0/1"), prefix_list("office", "198.41.0.0/24")
    exposed = portcullis.cloud.group("list-world", open_to(anywhere))
    restricted = portcullis.cloud.group("list-office", open_to(office))
    portcullis.cloud.settle()
    assert portcullis.result(exposed) == ("NON_COMPLIANT", f"tcp/22 open to {anywhere}")
    assert portcullis.result(restricted)[0] == "COMPLIANT"
    assert portcullis.remediate(exposed)["State"] == "SUCCEEDED"
    assert portcullis.sources(exposed) == set()


def test_a_bad_parameter_fails_loudly_and_calls_nothing_compliant(portcullis):
    sqs = portcullis.cloud.client("sqs")
    queue = portcullis.outputs["DeadLetterQueueUrl"]
    sqs.purge_queue(QueueUrl=queue)
    group = portcullis.cloud.group("bad-parameter", open_to(WORLD))
    expected = "rule parameter `FocusOnPorts`: `ssh` is not a port"
    with portcullis.another_rule("bad-parameter", '{"FocusOnPorts":"22,ssh"}'):
        assert portcullis.result(group, "bad-parameter") is None
        assert any(expected in json.dumps(line) for line in portcullis.log("RuleEvaluatorLogGroup"))
        [letter, *_] = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"])["Messages"]
        assert expected in letter["MessageAttributes"]["ErrorMessage"]["StringValue"]

        # The remediator reads the same parameters, and refuses them as well.
        run = portcullis.close(group, ConfigRuleName="bad-parameter")
        assert run["AutomationExecutionStatus"] == "Failed"
        assert expected in run["FailureMessage"]
    assert portcullis.sources(group) == {WORLD}
    assert portcullis.result(group)[0] == "NON_COMPLIANT", "the other rule goes on"


def test_one_structured_line_per_decision_and_no_secret_in_it(portcullis):
    group = portcullis.cloud.group("logged", open_to(WORLD))
    portcullis.cloud.settle()
    lines = portcullis.log("RuleEvaluatorLogGroup")
    judged = [line for line in lines if line.get("security_group.id") == group and WORLD in line.get("annotation", "")]
    assert [line["compliance"] for line in judged] == ["NonCompliant"]
    assert "resultToken" not in json.dumps(lines)


def test_results_can_be_read_by_rule_and_by_resource(portcullis):
    assert portcullis.config.describe_compliance_by_config_rule(ConfigRuleNames=[RULE])["ComplianceByConfigRules"]
    group = portcullis.cloud.group("read-by-resource", open_to(WORLD))
    portcullis.cloud.settle()
    by_resource = portcullis.config.describe_compliance_by_resource(ResourceType=GROUP_TYPE, ResourceId=group)
    assert by_resource["ComplianceByResources"][0]["Compliance"]["ComplianceType"] == "NON_COMPLIANT"
