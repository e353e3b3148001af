"""The deployed rule is used by default: a command at a terminal forgets no exemption of it."""

import io
import json
import zipfile

import pytest
from command_line import DONE, ERROR, EXPOSED, USAGE
from live_cloud import ACCOUNT, PARAMETER, SSH, changes, close, ports, snapshots
from organization import MANAGEMENT, Organization, id_of, signed_in

REGION, OTHER, THIRD = "eu-central-1", "eu-west-1", "us-east-1"
WEB = "web"
FOREVER = "9999-12-31"


def exempting(group: str) -> dict:
    return {"version": 1, "exemptions": [{"securityGroupId": group, "expires": FOREVER, "reason": "the VPN is late"}]}


@pytest.fixture
def organization():
    groups = {(MANAGEMENT, region): [(WEB, "0.0.0.0/0")] for region in (REGION, OTHER, THIRD)}
    return Organization(regions=[REGION, OTHER, THIRD], groups=groups)


@pytest.fixture
def terminal(organization, portcullis):
    with signed_in(portcullis, organization, REGION) as terminal:
        yield terminal


def verdicts(done) -> dict[str, str]:
    return {found["region"]: found["compliance"] for found in done.json()["results"]}


def asked(organization, action: str) -> list[str]:
    return [region for _, region, called in organization.calls if called == action]


# Scans.


def test_the_deployed_rule_is_found(organization, terminal):
    organization.rules[MANAGEMENT, REGION] = {"ssh": {"FocusOnPorts": "22", "ExemptionsParameter": PARAMETER}}
    organization.parameters[MANAGEMENT, REGION, PARAMETER] = exempting(id_of(MANAGEMENT, REGION, WEB))
    done = terminal("scan", "--format", "json")
    assert (done.code, verdicts(done)) == (DONE, {REGION: "COMPLIANT"})
    place = f"in {REGION}, account {MANAGEMENT}"
    assert done.err.splitlines()[0] == f"policy: AWS Config rule `ssh` {place}; --no-rule ignores it"
    assert asked(organization, "DescribeConfigRules") == [REGION]
    assert terminal("scan", "--quiet", "--format", "json").err == ""


@pytest.mark.parametrize("arguments", [["--no-rule"], ["--ports", "22"], ["--scope", "world"]], ids=" ".join)
def test_options_of_the_policy_ask_for_no_rule(organization, terminal, arguments):
    organization.rules[MANAGEMENT, REGION] = {"ssh": {"FocusOnPorts": "443"}}
    done = terminal("scan", *arguments, "--format", "json")
    assert (done.code, done.err, verdicts(done)) == (EXPOSED, "", {REGION: "NON_COMPLIANT"})
    assert asked(organization, "DescribeConfigRules") == []


def test_without_a_rule_the_exemptions_of_exempt_add_count(organization, terminal):
    organization.parameters[MANAGEMENT, REGION, PARAMETER] = exempting(id_of(MANAGEMENT, REGION, WEB))
    done = terminal("scan", "--format", "json")
    assert (done.code, verdicts(done)) == (DONE, {REGION: "COMPLIANT"})
    assert done.err == f"exemptions: SSM parameter {PARAMETER} in {REGION}, account {MANAGEMENT}; --no-rule ignores it\n"
    assert terminal("scan", "--no-rule").code == EXPOSED


def test_a_region_without_anything_is_judged_by_the_defaults_in_two_calls(organization, terminal):
    done = terminal("scan", "--format", "json")
    assert (done.code, done.err) == (EXPOSED, "")
    assert asked(organization, "DescribeConfigRules") == asked(organization, "GetParameter") == [REGION]


def test_several_rules_are_named(organization, terminal):
    organization.rules[MANAGEMENT, REGION] = {"ssh": {"FocusOnPorts": "22"}, "rdp": {"blockedPort1": "3389"}}
    group = id_of(MANAGEMENT, REGION, WEB)
    commands = (["scan"], ["plan", "--all"], ["close", "--all", "--yes"], ["explain", group], ["restore", group, "--yes"])
    for command in commands:
        terminal(*command).failed(
            USAGE, f"2 rules of Portcullis in {REGION}, account {MANAGEMENT}: `rdp`, `ssh`", "--rule NAME", "--no-rule"
        )


def test_each_region_has_its_own_policy(organization, terminal):
    organization.rules[MANAGEMENT, REGION] = {"ssh": {"FocusOnPorts": "443"}}
    organization.rules[MANAGEMENT, OTHER] = None
    done = terminal("scan", "--all-regions", "--format", "json")
    assert verdicts(done) == {REGION: "COMPLIANT", OTHER: "NON_COMPLIANT", THIRD: "NON_COMPLIANT"}
    assert done.code == EXPOSED
    lines = done.err.splitlines()
    assert lines[0].startswith(f"policy: AWS Config rule `ssh` in {REGION}")
    assert lines[1].startswith(f"warning: the deployed rule could not be looked up in {OTHER}")
    assert "config:DescribeConfigRules" in lines[1]
    assert lines[2] == f"policy: the defaults in {THIRD}, account {MANAGEMENT}, where no rule is deployed"
    assert sorted(asked(organization, "DescribeConfigRules")) == [REGION, OTHER, THIRD]


def test_a_rule_with_invalid_parameters_is_an_error(organization, terminal):
    organization.rules[MANAGEMENT, REGION] = {"ssh": {"FocusOnPorts": "ssh"}}
    terminal("scan").failed(ERROR, "AWS Config rule ssh", "`FocusOnPorts`: `ssh`")


def test_the_name_of_a_rule_says_nothing_to_the_terminal(organization, terminal):
    organization.rules[MANAGEMENT, REGION] = {"a\x1b[31m\nerror: b": {"FocusOnPorts": "22"}}
    group = id_of(MANAGEMENT, REGION, WEB)
    for command in (["scan"], ["scan", "--format", "json"], ["plan", "--all"], ["explain", group], ["restore", group, "--dry-run"]):
        done = terminal(*command)
        assert "AWS Config rule `a\\u{1b}[31m\\nerror: b`" in done.err.splitlines()[0], command
        assert "\x1b" not in done.out + done.err
    organization.rules[MANAGEMENT, REGION] |= {"c": {"FocusOnPorts": "22"}}
    terminal("scan").failed(USAGE, "2 rules of Portcullis", "`a\\u{1b}[31m\\nerror: b`")


def test_nothing_is_closed_while_the_rule_is_unknown(organization, terminal):
    organization.rules[MANAGEMENT, REGION] = None
    terminal("close", "--all", "--yes").failed(ERROR, "nothing was changed: the deployed rule and its exemptions", "--no-rule")
    assert asked(organization, "DescribeSecurityGroups") == []


def test_nothing_is_restored_while_the_rule_is_unknown(organization, terminal):
    organization.rules[MANAGEMENT, REGION] = None
    group = id_of(MANAGEMENT, REGION, WEB)
    terminal("restore", group, "--yes").failed(
        ERROR, "nothing was changed: the deployed rule, which may close the group again", "config:DescribeConfigRules", "--no-rule"
    )
    # There is no snapshot, which is looked for once the rule is not.
    assert "no snapshot" in terminal("restore", group, "--yes", "--no-rule").err
    warned = terminal("restore", group, "--dry-run")
    assert warned.err.startswith(f"warning: the deployed rule could not be looked up in {REGION}, account {MANAGEMENT}: ")
    assert terminal("restore", group, "--rule", "ssh", "--no-rule").code == USAGE


def test_a_restore_needs_no_valid_parameters(organization, terminal):
    organization.rules[MANAGEMENT, REGION] = {"ssh": {"FocusOnPorts": "ssh"}}
    done = terminal("restore", id_of(MANAGEMENT, REGION, WEB), "--dry-run")
    assert done.err.startswith(f"rule: AWS Config rule `ssh` in {REGION}, account {MANAGEMENT}; --no-rule ignores it\n")
    assert "no snapshot" in done.err
    # The exemptions without a rule mean nothing to a restore.
    assert asked(organization, "GetParameter") == []


def test_a_report_states_the_policy_of_the_rule(organization, terminal):
    parameters = {"FocusOnPorts": "tcp/443", "SourceScope": "public", "ExemptionTagKey": "Exempt"}
    sentence = "tcp/443 may not be open to any internet address; exempt by tag Exempt; from AWS Config rule ssh"
    organization.rules[MANAGEMENT, REGION] = {"ssh": parameters}
    for arguments in ([], ["--rule", "ssh"]):
        table = terminal("scan", *arguments).out
        assert f"Policy: {sentence}" in table.replace("\n", " ")
        scan = terminal("scan", *arguments, "--format", "json").json()["scan"]
        assert (scan["policy"]["rule"], scan["policy"]["ports"]) == ("ssh", ["tcp/443"])
        assert scan["targets"][0]["caller_arn"] == f"arn:aws:iam::{MANAGEMENT}:user/jane"
    # The same rule everywhere is one policy, another one in a region is stated there.
    organization.rules |= {(MANAGEMENT, region): {"ssh": parameters} for region in (OTHER, THIRD)}
    assert terminal("scan", "--all-regions", "--format", "json").json()["scan"]["policy"]["rule"] == "ssh"
    organization.rules[MANAGEMENT, THIRD] = {"ssh": {"FocusOnPorts": "22"}}
    scan = terminal("scan", "--all-regions", "--format", "json").json()["scan"]
    assert scan["policy"] == {"per_target": True}
    assert [target["policy"]["ports"] for target in scan["targets"]] == [["tcp/443"], ["tcp/443"], ["tcp/22", "udp/22"]]


# Closings, and exemptions, with a rule in the local cloud.


@pytest.fixture
def rule(fresh) -> str:
    """A rule with exemptions. Its function is not that of the stack: here, nothing is evaluated."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = fresh.client("iam").create_role(RoleName="evaluator", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", "def handler(event, context):\n    return None\n")
    functions = fresh.client("lambda")
    code = {"ZipFile": archive.getvalue()}
    made = functions.create_function(FunctionName="evaluator", Runtime="python3.11", Handler="index.handler", Role=role, Code=code)
    functions.add_permission(
        FunctionName="evaluator",
        StatementId="config",
        Action="lambda:InvokeFunction",
        Principal="config.amazonaws.com",
        SourceAccount=ACCOUNT,
    )
    source = {
        "Owner": "CUSTOM_LAMBDA",
        "SourceIdentifier": made["FunctionArn"],
        "SourceDetails": [{"EventSource": "aws.config", "MessageType": "ConfigurationItemChangeNotification"}],
    }
    parameters = json.dumps({"FocusOnPorts": "22", "ExemptionsParameter": PARAMETER})
    rule = {"ConfigRuleName": "ssh", "Source": source, "InputParameters": parameters}
    rule["Scope"] = {"ComplianceResourceTypes": ["AWS::EC2::SecurityGroup"]}
    fresh.client("config").put_config_rule(ConfigRule=rule)
    return "ssh"


def test_what_the_rule_exempts_is_neither_planned_nor_closed(fresh, live, rule):
    exempt, other = fresh.group("exempt", SSH), fresh.group("other", SSH)
    fresh.client("ssm").put_parameter(Name=PARAMETER, Type="String", Value=json.dumps(exempting(exempt)))
    planned = live("plan", "--all", "--json")
    assert [one["securityGroupId"] for one in planned.lines()] == [other]
    assert planned.err.startswith(f"policy: AWS Config rule `{rule}` in ")
    named = live("plan", exempt, "--json")
    assert (named.code, named.json()["status"]) == (DONE, "EXEMPT")
    done = close(live, "--all", "--yes")
    assert (done.code, ports(fresh, exempt), ports(fresh, other)) == (DONE, {(22, 22)}, set())
    # A restore finds the rule itself.
    assert "to undo: portcullis restore --run cli-" in done.err
    assert "--rule" not in done.err.splitlines()[-1]
    assert "exempt until" in live("explain", exempt).out
    assert live("plan", exempt, "--no-rule").code == EXPOSED


def test_a_change_of_the_rule_during_a_question_counts(fresh, live, rule):
    group = fresh.group("web", SSH)
    fresh.client("ssm").put_parameter(Name=PARAMETER, Type="String", Value='{"version": 1, "exemptions": []}')
    since = fresh.mark()
    assert close(live, group, "--yes").code == DONE
    # Once to find the rule, and once for the closing.
    assert len(fresh.calls(since=since, action="config:DescribeConfigRules")) == 2
    assert len([path for path in snapshots(live) if group in str(path)]) == 1


def test_a_restore_asks_the_rule_to_leave_the_group_alone(fresh, live, rule):
    group = fresh.group("web", SSH)
    fresh.client("ssm").put_parameter(Name=PARAMETER, Type="String", Value='{"version": 1, "exemptions": []}')
    restore = ["restore", group, "--snapshot-dir", "kept", "--yes"]
    for arguments, calls in (([], 1), (["--no-rule"], 0)):
        assert close(live, group, "--yes", "--ignore-hold").code == DONE
        since = fresh.mark()
        done = live(*restore, *arguments)
        assert (done.code, ports(fresh, group)) == (DONE, {(22, 22)}), done
        assert len(fresh.calls(since=since, action="config:PutRemediationExceptions")) == calls
        assert done.err.startswith(f"rule: AWS Config rule `{rule}` in ") == (calls == 1)


def test_denied_exemptions_close_nothing(fresh, live, rule):
    fresh.group("web", SSH)
    since = fresh.mark()
    fresh.fault(service="ssm", action="GetParameter", kind="accessDenied", times=100)
    done = close(live, "--all", "--yes")
    assert (done.code, done.out) == (ERROR, "")
    assert changes(fresh, since) == []


ADD = ["--expires", "2999-12-31", "--reason"]


def test_exempt_add_names_the_rule_that_reads_it(fresh, live, rule):
    done = live("exempt", "add", fresh.group("web", SSH), *ADD, "the VPN is late")
    assert done.out.startswith(f"added in {PARAMETER}; AWS Config rule `{rule}` reads it in ")
    other = live("exempt", "add", fresh.group("other", SSH), *ADD, "r", "--parameter", "/portcullis/others")
    assert f"AWS Config rule `{rule}` does not read it" in other.out


def test_exempt_add_without_a_rule(fresh, live):
    group = fresh.group("web", SSH)
    done = live("exempt", "add", group, *ADD, "the VPN is late")
    assert "`portcullis scan`, `plan` and `close` without options of the policy read it; there is no AWS Config rule" in done.out
    assert live("plan", group, "--json").json()["status"] == "EXEMPT"
    other = live("exempt", "add", group, *ADD, "r", "--parameter", "/portcullis/others")
    assert "read it with --exemptions-parameter /portcullis/others" in other.out


def test_exempt_add_replaces_nothing_silently(fresh, live):
    group = fresh.group("web", SSH)
    first = ["exempt", "add", group, *ADD, "the VPN is late", "--owner", "ops"]
    assert live(*first).code == DONE
    assert "with the same end, reason and owner" in live(*first).out
    again = ["exempt", "add", group, "--expires", "2999-11-30", "--reason", "forgotten"]
    live(*again).failed(ERROR, f"{PARAMETER} was not changed", "until 2999-12-31: the VPN is late [ops]", "--replace")
    assert live("exempt", "list", "--json").json()["exemptions"][0]["owner"] == "ops"
    replaced = live(*again, "--replace")
    assert replaced.out.startswith(f"replaced in {PARAMETER}; the exemption was until 2999-12-31: the VPN is late [ops]; ")
    assert live("exempt", "list", "--json").json()["exemptions"] == [
        {"securityGroupId": group, "expires": "2999-11-30", "reason": "forgotten"}
    ]
