"""Parameters of the stack: CloudFormation refuses bad values before it creates a resource, and accepts good ones."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROLE = "arn:aws:iam::123456789012:role/path/my-role"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
LAYER = "arn:aws:lambda:eu-central-1:123456789012:layer:extension:3"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms"
BUS = "arn:aws:events:eu-central-1:123456789012:event-bus/security"
USER = "arn:aws:iam::123456789012:user/path/me@example.com"
APPROVALS = "arn:aws:sns:eu-central-1:123456789012:Automation-approvals"


def accepts(template: dict[str, Any], name: str, value: str) -> bool:
    """True if a value satisfies the constraints of a parameter."""
    parameter = template["Parameters"][name]
    members = [member.strip() for member in value.split(",")] if parameter["Type"] == "CommaDelimitedList" else [value]
    if "AllowedValues" in parameter and value not in [str(allowed) for allowed in parameter["AllowedValues"]]:
        return False
    if parameter["Type"] == "Number":
        if not re.fullmatch(r"-?\d+", value):
            return False
        return parameter.get("MinValue", int(value)) <= int(value) <= parameter.get("MaxValue", int(value))
    if len(value) > parameter.get("MaxLength", 4096):
        return False
    return "AllowedPattern" not in parameter or all(re.fullmatch(parameter["AllowedPattern"], member) for member in members)


# The values that the template, scripts/deploy and the function accept and refuse.
REPLACEMENTS = json.loads((Path(__file__).parents[1] / "replacement_cidrs.json").read_text(encoding="utf-8"))

GOOD = {
    "FocusOnPorts": ["22", "22,3389", " 22 , 80", "tcp/22,UDP/53 - 54", "0,65535,0022", "8000-8100", ",".join(["6553"] * 51)],
    "SourceScope": ["World", "Public"],
    "AuthorizedCidrs": ["", "198.51.100.0/24", "198.51.100.0/24, 2001:db8::/32", "::1/128", ",".join(["192.0.2.0/24"] * 30)],
    "ExemptionsParameter": ["", "/portcullis/exemptions", "/portcullis/team-a/" + "e" * 109],
    "SourceInputParameters": [
        "",
        '{"FocusOnPorts":"22,3389"}',
        '{"FocusOnPorts": "22, 80,3389"}',
        '{"FocusOnPorts":22}',
        '{"FocusOnPorts":[22,3389]}',
        '{"FocusOnPorts":["tcp/22", "8000-8100", 53]}',
        '{"FocusOnPorts":"0,65535,0022"}',
        '{"FocusOnPorts":"TCP/22 , udp / 53 - 54"}',
        ' {\n "FocusOnPorts" : "1234,5678"\n} ',
        '{"SourceScope":"Public","FocusOnPorts":"22"}',
        '{"SourceScope":"world","FocusOnPorts":"22"}',
        '{"FocusOnPorts":"22","AuthorizedCidrs":"198.51.100.0/24, 2001:db8::/32"}',
        '{"FocusOnPorts":"22","AuthorizedCidrs":["198.51.100.0/24","2001:db8::/32"],"SourceScope":"World"}',
        '{"FocusOnPorts":"22","AuthorizedCidrs":[]}',
        '{"FocusOnPorts":"22","ExemptionsParameter":"/portcullis/team-a/exemptions"}',
        '{"FocusOnPorts":"22","ExemptionTagKey":"portcullis:exempt"}',
        '{"blockedPort1":"20","blockedPort2":3389,"blockedPort5":"4333"}',
    ],
    "ExemptionTagKey": ["", "portcullis:exempt", "Team.A/open_ports", "a=b+c@d-e", "x" * 128, "paws:x"],
    "RemediationMode": ["True", "False"],
    "RemediationStrategy": ["Revoke", "Carve", "Replace"],
    "ReplacementCidrs": list(REPLACEMENTS["accepted"]),
    "Approvers": ["", ROLE, f"{ROLE}, {USER}", ROLE.replace("aws", "aws-cn", 1)],
    "ApprovalTopicArn": ["", APPROVALS, APPROVALS.replace("aws", "aws-us-gov", 1), APPROVALS.removesuffix("-approvals")],
    "RuleName": ["portcullis", "p", "Sg_port-blocklist-2", "a" * 128],
    "Description": ["", "What it does: no open ports.", "d" * 256],
    "SourceEvents": ["AWS::EC2::SecurityGroup", "NONE"],
    "SourcePeriodic": ["NONE", "One_Hour", "Three_Hours", "Six_Hours", "Twelve_Hours", "TwentyFour_Hours"],
    "CodeBucket": ["my-bucket", "my.bucket.1", "a" * 63],
    "RuleEvaluatorKey": ["rule-evaluator.zip", "portcullis/arm64/rule-evaluator-0123abcd.zip"],
    "RemediatorKey": ["remediator.zip"],
    "ReporterKey": ["reporter.zip"],
    "Architecture": ["arm64", "x86_64"],
    "RuleLambdaName": ["", "my-rule", "a" * 53],
    "Timeout": ["10", "60", "900"],
    "Layers": ["", LAYER, f"{LAYER}, {LAYER.replace('aws', 'aws-cn', 1)}"],
    "SubnetIds": ["", "subnet-0123456789abcdef0", "subnet-01234567,subnet-0123456789abcdef0"],
    "SecurityGroupIds": ["", "sg-0123456789abcdef0", "sg-01234567, sg-0123456789abcdef0"],
    "LambdaRoleArn": ["", ROLE, ROLE.replace("aws", "aws-us-gov", 1)],
    "CliRoleArn": ["", ROLE, ROLE.replace("aws", "aws-us-gov", 1)],
    "BoundaryPolicyArn": ["", "arn:aws:iam::123456789012:policy/boundary", "arn:aws:iam::aws:policy/PowerUserAccess"],
    "KmsKeyArn": ["", KEY, KEY.replace("1234abcd-", "mrk-", 1)],
    "SnapshotRetentionDays": ["1", "365", "3650"],
    "ClosingsPerHour": ("0", "1", "100", "5000"),
    "GracePeriodDays": ("0", "1", "365"),
    "ReevaluationMinutes": ("2", "15", "1440"),
    "ReevaluationsPerDay": ("1", "12", "720"),
    "LogRetentionDays": ["1", "90", "3653"],
    "AlarmTopicArn": ["", TOPIC, TOPIC.replace("aws", "aws-cn", 1)],
    "EventBusName": ["", "default", "security.events_1-a", "b" * 256, BUS, BUS.replace("aws", "aws-us-gov", 1)],
    "Context": ["True", "False"],
    "OwnerTagKey": ["owner", "Owner", "cost centre", "a:b", "x" * 128],
}

BAD = {
    "FocusOnPorts": [
        "",
        "ssh",
        "65536",
        "99999",
        "655360",
        "-22",
        "22,",
        ",22",
        "22,,80",
        "22;80",
        "22 80",
        "icmp/8",
        '22"',
        "22}",
        "8000-",
        "22,x",
        "22," * 100 + "22",
    ],
    "SourceScope": ["", "world", "PUBLIC", "everyone"],
    "AuthorizedCidrs": [
        "office",
        "10.0.0.0",
        "10.0.0.0/33",
        "0.0.0.0/0",
        "::/0",
        '10.0.0.0/8"',
        "10.0.0.0/8,",
        "10.0.0.0/8;fd00::/8",
        "1:2/64",
    ],
    "ExemptionsParameter": ["exemptions", "/other/exemptions", "/portcullis/", '/portcullis/a"b', "/portcullis/" + "e" * 117],
    "SourceInputParameters": [
        "{}",
        "22,3389",
        '"FocusOnPorts"',
        '[{"FocusOnPorts":"22"}]',
        '{"FocusOnPorts":""}',
        '{"FocusOnPorts":[]}',
        '{"FocusOnPorts":"ssh"}',
        '{"FocusOnPorts":"655360"}',
        '{"FocusOnPorts":"-22"}',
        '{"FocusOnPorts":"22,"}',
        '{"FocusOnPorts":"22,,80"}',
        '{"FocusOnPorts":"22;80"}',
        '{"FocusOnPorts":"icmp/8"}',
        '{"FocusOnPorts":"22",}',
        '{"FocusOnPorts":"22"',
        "{'FocusOnPorts':'22'}",
        '{"FocusOnPort":"22"}',
        '{"focusOnPorts":"22"}',
        '{"FocusOnPorts":"22","Scope":"Public"}',
        '{"FocusOnPorts":"22","SourceScope":"everyone"}',
        '{"FocusOnPorts":"22","AuthorizedCidrs":"office"}',
        '{"FocusOnPorts":"22","ExemptionsParameter":"/other/exemptions"}',
        '{"FocusOnPorts":"22","ExemptionTagKey":"a}b"}',
        '{"SourceScope":"World"}',
        '{"blockedPort6":"22"}',
        '{"FocusOnPorts":"' + "22," * 337 + '22"}',
        '{"FocusOnPorts":"22"' + " " * 855 + "}",
        '{"FocusOnPorts":"' + "22," * 330 + 'x"}',
    ],
    "ExemptionTagKey": ["aws:x", "AWS:x", 'a"b', "a\\b", "a}b", "a{b", "${x}", "a b", " ", "a\nb", "a,b", "a*", "ä", "x" * 129],
    "RemediationMode": ["true", "false", "", "yes", "TRUE"],
    "RemediationStrategy": ["", "revoke", "Delete", "Revoke,Carve"],
    "ReplacementCidrs": [
        *REPLACEMENTS["refused"],
        "private",
        "sg-0123456789abcdef0",
        # 12 CIDRs with more than 512 characters.
        ",".join(f"2001:db8:1111:2222:3333:4444:5555:{number:04x}/128" for number in range(12)),
    ],
    "Approvers": [
        "me",
        "arn:aws:iam::123456789012:group/g",
        "arn:aws:iam::123456789012:root",
        f"{ROLE},me",
        "arn:aws:iam::123456789012:role/",
    ],
    "ApprovalTopicArn": ["Automation", TOPIC, APPROVALS.replace("Automation", "automation"), APPROVALS + "x" * 256, f"{APPROVALS}.fifo"],
    "RuleName": ["", "-rule", "my rule", "rule/1", "a" * 129],
    "Description": ["two\nlines", "d" * 257],
    "SourceEvents": ["", "AWS::EC2::Instance", "none", "AWS::EC2::SecurityGroup,NONE"],
    "SourcePeriodic": ["", "Daily", "24", "none"],
    "CodeBucket": ["", "s3://my-bucket", "My-Bucket", "my_bucket", "my-bucket/", "ab", "a" * 64],
    "RuleEvaluatorKey": ["", "/rule-evaluator.zip", "rule evaluator.zip", "rule-evaluator", "s3 key.zip", "bootstrap"],
    "RemediatorKey": ["", "/remediator.zip", "remediator.tar.gz"],
    "ReporterKey": ["", "/reporter.zip", "reporter.tar.gz"],
    "Architecture": ["", "arm", "amd64", "aarch64"],
    "RuleLambdaName": ["my rule", "a" * 54, "rule:prod", "arn:aws:lambda:x"],
    "Timeout": ["", "0", "9", "901", "ten"],
    "Layers": ["my-layer", LAYER.rsplit(":", 1)[0], f"{LAYER},nonsense"],
    "SubnetIds": ["subnet", "subnet-xyz", "sg-0123456789abcdef0", "subnet-0123456789abcdef0;subnet-0123456789abcdef1"],
    "SecurityGroupIds": ["default", "subnet-0123456789abcdef0", "sg-0123456789abcdef0,web"],
    "LambdaRoleArn": ["my-role", "arn:aws:iam::123456789012:user/me", "arn:aws:iam::1234:role/r", f" {ROLE}"],
    "CliRoleArn": ["my-role", "arn:aws:iam::123456789012:user/me", "arn:aws:sts::123456789012:assumed-role/r/s", f"{ROLE},{ROLE}"],
    "BoundaryPolicyArn": ["boundary", ROLE, "arn:aws:iam::123456789012:policy/"],
    "KmsKeyArn": ["alias/my-key", KEY.replace(":key/", ":alias/"), KEY.rsplit("/", 1)[1]],
    "SnapshotRetentionDays": ["", "0", "3651", "forever"],
    "ClosingsPerHour": ("-1", "5001", "", "all"),
    "GracePeriodDays": ("-1", "366", "", "a week"),
    "ReevaluationMinutes": ("1", "1441", "often"),
    "ReevaluationsPerDay": ("0", "721", ""),
    "LogRetentionDays": ["", "0", "2", "91", "forever"],
    "AlarmTopicArn": ["alarms", TOPIC.rsplit(":", 1)[0], TOPIC.replace(":sns:", ":sqs:")],
    "EventBusName": [
        "a bus",
        "aws.partner/example.com/1",
        "b" * 257,
        BUS.rsplit("/", 1)[0],
        BUS.replace(":event-bus/", ":rule/"),
        f"{BUS}*",
    ],
    "Context": ["", "true", "yes"],
    "OwnerTagKey": ["", " owner", "owner ", "x" * 129],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in GOOD.items() for value in values])
def test_good_values_are_accepted(template: dict[str, Any], name: str, value: str) -> None:
    assert accepts(template, name, value)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_bad_values_are_refused(template: dict[str, Any], name: str, value: str) -> None:
    assert not accepts(template, name, value)


def test_every_parameter_is_in_both_tables(template: dict[str, Any]) -> None:
    assert GOOD.keys() == BAD.keys() == template["Parameters"].keys()


def test_the_pattern_has_the_keys_of_the_functions(checkout: Path, template: dict[str, Any]) -> None:
    source = (checkout / "crates" / "judgement" / "src" / "parameters.rs").read_text(encoding="utf-8")
    known = set(re.findall(r'^const [A-Z_]+: &str = "(\w+)";', source, re.MULTILINE))
    assert "FocusOnPorts" in known
    known |= set(re.findall(r'"(blockedPort\d)"', source))
    parameter = template["Parameters"]["SourceInputParameters"]
    pattern = parameter["AllowedPattern"].replace("blockedPort[1-5]", "|".join(f"blockedPort{number}" for number in range(1, 6)))
    assert {key for key in re.findall(r"[A-Za-z]{5,}\d?", pattern)} - {"world", "public", "portcullis"} == known
    assert all(key in parameter["ConstraintDescription"] or key.startswith("blocked") for key in known)


def test_defaults_are_good_values(template: dict[str, Any]) -> None:
    for name, parameter in template["Parameters"].items():
        if "Default" in parameter:
            assert accepts(template, name, str(parameter["Default"])), name
    assert {name for name, parameter in template["Parameters"].items() if "Default" not in parameter} == {"CodeBucket"}


def test_nothing_is_changed_by_default(template: dict[str, Any]) -> None:
    assert template["Parameters"]["RemediationMode"]["Default"] == "False"


def test_nothing_is_added_by_default(template: dict[str, Any]) -> None:
    assert template["Parameters"]["RemediationStrategy"]["Default"] == "Revoke"


def test_every_parameter_has_a_description_and_constraints(template: dict[str, Any]) -> None:
    for name, parameter in template["Parameters"].items():
        assert parameter["Description"], name
        assert parameter["ConstraintDescription"].startswith("must be "), name
        assert {"AllowedPattern", "AllowedValues", "MinValue"} & parameter.keys(), name


def test_every_parameter_is_in_one_group_of_the_console_and_has_a_label(template: dict[str, Any]) -> None:
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])
    assert interface["ParameterLabels"].keys() == template["Parameters"].keys()


def test_parameters_of_the_original_keep_their_names(template: dict[str, Any]) -> None:
    original = {
        "RuleName",
        "Description",
        "RemediationMode",
        "SourceInputParameters",
        "SourceEvents",
        "SourcePeriodic",
        "RuleLambdaName",
        "LambdaRoleArn",
        "BoundaryPolicyArn",
        "SecurityGroupIds",
        "SubnetIds",
        "Timeout",
        "Layers",
    }
    assert original <= template["Parameters"].keys()


def test_patterns_do_not_backtrack(template: dict[str, Any]) -> None:
    # Texts of full length that almost match: a pattern that backtracks would take for ever.
    pattern = re.compile(template["Parameters"]["SourceInputParameters"]["AllowedPattern"])
    for text in [
        '{"FocusOnPorts":"' + "1" * 1000,
        '{"FocusOnPorts":"' + "0" * 1000 + 'x"}',
        '{"FocusOnPorts":"' + "22 , " * 200 + "!",
        '{"FocusOnPorts":"22"' + " " * 1000,
        '{"FocusOnPorts":[' + "22," * 330,
        '{"FocusOnPorts":"22","AuthorizedCidrs":[' + '"1",' * 240,
    ]:
        assert not pattern.fullmatch(text)
    pattern = re.compile(template["Parameters"]["FocusOnPorts"]["AllowedPattern"])
    for text in ["1" * 256, "22," * 85 + "x", "22 , " * 51 + "!", "22 - 23 , " * 25 + "!", " " * 256, "tcp / " * 42]:
        assert not pattern.fullmatch(text)
    pattern = re.compile(template["Parameters"]["AuthorizedCidrs"]["AllowedPattern"])
    for text in ["1." * 200, "a:" * 200, "::" + "a:" * 199, "10.0.0.0/8," * 36, "fd00::/8 , " * 36 + "x", "1" + " " * 399]:
        assert not pattern.fullmatch(text)
    pattern = re.compile(template["Parameters"]["ReplacementCidrs"]["AllowedPattern"])
    for text in [
        "1." * 2000,
        "a:" * 2000,
        "::" + "a:" * 2000,
        "1" * 4000,
        ":" * 4000,
        " " * 4000,
        "10.0.0.0/8 ," * 24 + " " * 4000,
        "1::/9," * 25,
    ]:
        assert not pattern.fullmatch(text)


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "cloudformation" / "parameters").glob("*.json")), ids=lambda path: path.name
)
def test_parameter_files_are_good(template: dict[str, Any], path: Path) -> None:
    parameters = json.loads(path.read_text(encoding="utf-8"))["Parameters"]
    for name, value in parameters.items():
        assert accepts(template, name, value), name


# ---- the Rules section


def holds(node: Any, values: dict[str, Any]) -> Any:
    """Value of a rule function. Knows the functions that the template uses."""
    match node:
        case {"Ref": name}:
            return values[name]
        case {"Fn::Equals": [left, right]}:
            return holds(left, values) == holds(right, values)
        case {"Fn::Not": [inner]}:
            return not holds(inner, values)
        case {"Fn::And": inner}:
            return all(holds(one, values) for one in inner)
        case {"Fn::Or": inner}:
            return any(holds(one, values) for one in inner)
        case {"Fn::EachMemberEquals": [members, wanted]}:
            return all(member == wanted for member in holds(members, values))
        case {"Fn::Contains": [members, wanted]}:
            return holds(wanted, values) in members
        case str():
            return node
    raise AssertionError(f"unknown rule function: {node}")


FORM = {"FocusOnPorts": "22,3389", "SourceScope": "World", "AuthorizedCidrs": "", "ExemptionsParameter": ""}
OTHER = {"FocusOnPorts": "22", "SourceScope": "Public", "AuthorizedCidrs": "10.0.0.0/8", "ExemptionsParameter": "/portcullis/e"}


@pytest.mark.parametrize("name", sorted(FORM))
@pytest.mark.parametrize(("json_parameters", "good"), [("", True), ('{"FocusOnPorts":"22,3389"}', False)])
def test_rule_parameters_are_given_in_one_place(template: dict[str, Any], name: str, json_parameters: str, good: bool) -> None:
    rule = template["Rules"]["RuleParametersInOnePlace"]
    (assertion,) = rule["Assertions"]
    assert {one: template["Parameters"][one]["Default"] for one in FORM} == FORM

    def accepted(values: dict[str, str]) -> bool:
        return not holds(rule["RuleCondition"], values) or holds(assertion["Assert"], values)

    # The defaults count as not given: a stack that has had SourceInputParameters keeps it in an update.
    assert accepted(FORM | {"SourceInputParameters": json_parameters})
    assert accepted(FORM | {name: OTHER[name], "SourceInputParameters": json_parameters}) is good


@pytest.mark.parametrize("empty", [[], [""]], ids=["no member", "an empty member"])
@pytest.mark.parametrize(("subnets", "groups", "good"), [(0, 0, True), (1, 1, True), (2, 1, True), (1, 0, False), (0, 1, False)])
def test_a_vpc_needs_subnets_and_security_groups(template: dict[str, Any], empty: list[str], subnets: int, groups: int, good: bool) -> None:
    (assertion,) = template["Rules"]["VpcNeedsSubnetsAndSecurityGroups"]["Assertions"]
    values = {"SubnetIds": ["subnet-0"] * subnets or empty, "SecurityGroupIds": ["sg-0"] * groups or empty}
    assert holds(assertion["Assert"], values) is good


@pytest.mark.parametrize("events", ["NONE", "AWS::EC2::SecurityGroup"])
@pytest.mark.parametrize("periodic", ["NONE", "One_Hour"])
def test_something_triggers_the_rule(template: dict[str, Any], events: str, periodic: str) -> None:
    (assertion,) = template["Rules"]["SomethingTriggersTheRule"]["Assertions"]
    assert holds(assertion["Assert"], {"SourceEvents": events, "SourcePeriodic": periodic}) is not (events == periodic == "NONE")


@pytest.mark.parametrize(
    ("strategy", "cidrs", "good"),
    [
        ("Revoke", "", True),
        ("Replace", "", True),
        ("Replace", "10.0.0.0/8", True),
        ("Revoke", "10.0.0.0/8", False),
        ("Carve", "10.0.0.0/8,fd00::/8", False),
    ],
)
def test_replacements_need_the_strategy_replace(template: dict[str, Any], strategy: str, cidrs: str, good: bool) -> None:
    (assertion,) = template["Rules"]["ReplacementNeedsReplace"]["Assertions"]
    assert holds(assertion["Assert"], {"RemediationStrategy": strategy, "ReplacementCidrs": cidrs}) is good


@pytest.mark.parametrize("empty", [[], [""]], ids=["no member", "an empty member"])
@pytest.mark.parametrize(("approvers", "topic", "good"), [(0, "", True), (2, APPROVALS, True), (1, "", False), (0, APPROVALS, False)])
def test_an_approval_needs_approvers_and_a_topic(
    template: dict[str, Any], empty: list[str], approvers: int, topic: str, good: bool
) -> None:
    (assertion,) = template["Rules"]["ApprovalNeedsApproversAndTopic"]["Assertions"]
    assert holds(assertion["Assert"], {"Approvers": [ROLE] * approvers or empty, "ApprovalTopicArn": topic}) is good


@pytest.mark.parametrize("mode", ["True", "False"])
@pytest.mark.parametrize("topic", ["", APPROVALS])
def test_automatic_remediation_excludes_approval(template: dict[str, Any], mode: str, topic: str) -> None:
    (assertion,) = template["Rules"]["ApprovalIsForManualMode"]["Assertions"]
    assert holds(assertion["Assert"], {"RemediationMode": mode, "ApprovalTopicArn": topic}) is not (mode == "True" and topic != "")


def test_function_names_fit_with_every_suffix(template: dict[str, Any]) -> None:
    names = [r["Properties"]["FunctionName"] for r in template["Resources"].values() if r["Type"] == "AWS::Lambda::Function"]
    suffixes = [name["Fn::If"][1]["Fn::Sub"].removeprefix("${RuleLambdaName}") for name in names if "Fn::Sub" in name["Fn::If"][1]]
    assert sorted(suffixes) == ["-context", "-follow-up", "-quarantine", "-reconciler", "-remediator", "-restorer"]
    assert template["Parameters"]["RuleLambdaName"]["MaxLength"] + max(map(len, suffixes)) == 64
