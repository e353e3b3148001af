"""scripts/first-hour in the local cloud: its answers are those of the switches, and it leaves nothing behind."""

import json
import re
import signal
import subprocess
import uuid

import pytest
from local_cloud import REPOSITORY, wait_for
from portcullis import open_to

NAME = "portcullis-first-hour-*"
# Switches of two local clouds that behave differently.
WORLDS = [
    {"functionErrorFailsStep": False, "dropNeedlessExceptions": False, "strictPayloadTypes": False, "listAsText": "json"},
    {
        "functionErrorFailsStep": True,
        "dropNeedlessExceptions": True,
        "strictPayloadTypes": True,
        "listAsText": "comma",
        "trailListsRules": False,
    },
]
CONFIRMED, REFUTED, UNOBSERVED = "confirmed", "refuted", "not observed"
# Calls that change something, as IAM names them.
ALLOWED = {
    "config:DeleteRemediationExceptions",
    "config:PutRemediationExceptions",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateSecurityGroup",
    "ec2:CreateTags",
    "ec2:DeleteSecurityGroup",
    "ec2:ModifySecurityGroupRules",
    "ec2:RevokeSecurityGroupIngress",
    "iam:PassRole",
    "ssm:AddTagsToResource",
    "ssm:CreateDocument",
    "ssm:DeleteDocument",
    "ssm:StartAutomationExecution",
    "ssm:StopAutomationExecution",
}
READS = re.compile(r"\w+:(Describe|Get|List|Lookup|Batch)")


def command(portcullis, *arguments: str) -> list[str]:
    return ["scripts/first-hour", "--region", portcullis.cloud.endpoints["region"], "--deadline", "60", *arguments]


def first_hour(portcullis, *arguments: str, **credentials: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(portcullis, *arguments),
        cwd=REPOSITORY,
        env=portcullis.cloud.environment() | credentials,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


@pytest.fixture
def caller(portcullis):
    """Name and credentials of a user with exactly the permissions that the page lists."""
    page = (REPOSITORY / "docs" / "first-hour.md").read_text(encoding="utf-8")
    section = page.split("## Permissions", 1)[1].split("\n## ", 1)[0]
    actions = re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", section)
    iam, name = portcullis.cloud.client("iam"), f"first-hour-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return name, {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def answers(table: str) -> dict[str, str]:
    """Answers by check."""
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    assert rows[0] == ["Check", "Statement", "Answer", "Seen", "Depends on it"]
    assert all(len(row) == 5 for row in rows), rows
    return {row[0]: row[2] for row in rows[1:]}


def made(portcullis) -> list[str]:
    """What runs have made and not removed."""
    groups = portcullis.ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [NAME]}])["SecurityGroups"]
    documents = portcullis.ssm.list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])["DocumentIdentifiers"]
    names = [document["Name"] for document in documents if document["Name"].startswith(NAME.removesuffix("*"))]
    return names + [group["GroupId"] for group in groups]


def switch(portcullis, world: dict) -> dict:
    """Sets those of the switches that the local cloud has. Without a switch it takes any type, and writes lists as JSON."""
    has = portcullis.cloud.control("GET", "/settings")
    portcullis.cloud.settings(**{name: value for name, value in world.items() if name in has})
    return {"strictPayloadTypes": False, "listAsText": "json"} | portcullis.cloud.control("GET", "/settings")


@pytest.mark.parametrize("world", WORLDS, ids=["one", "other"])
def test_the_answers_are_those_of_the_switches(portcullis, caller, world):
    name, credentials = caller
    settings = switch(portcullis, world)
    bystander = portcullis.cloud.group("bystander", open_to("0.0.0.0/0"))
    portcullis.cloud.settle()
    rules, groups, mark = portcullis.rules(bystander), portcullis.groups(), portcullis.cloud.mark()
    done = first_hour(portcullis, "--yes", **credentials)
    assert done.returncode == 0, done.stderr
    found = answers(done.stdout)
    strict = settings["strictPayloadTypes"]
    expected = {
        "function-error": settings["functionErrorFailsStep"],
        "needless-exception": not settings["dropNeedlessExceptions"],
        "types-function": not strict,
        "types-script": not strict,
        "list-in-text": not strict and settings["listAsText"] == "json",
        "script-payload": True,
        "revoke-many": True,
        "revoke-atomic": True,
        "modify-keeps-id": True,
        "vanished-group": True,
        "recording": True,
        "trail-shape": settings["trailListsRules"],
    }
    assert {check: found[check] for check in expected} == {check: CONFIRMED if holds else REFUTED for check, holds in expected.items()}
    assert found["older-timestamp"] == UNOBSERVED
    assert "attempts" not in found

    # Neither the account nor what it is asked to make stays.
    assert portcullis.cloud.client("sts").get_caller_identity()["Account"] not in done.stdout
    assert "arn:aws" not in done.stdout
    assert made(portcullis) == []
    assert portcullis.groups() == groups
    assert portcullis.rules(bystander) == rules
    calls = [call for call in portcullis.cloud.calls(since=mark, principal=name) if call["invokedBy"] is None]
    changing = {call["action"] for call in calls if not READS.match(call["action"])}
    assert "ec2:CreateSecurityGroup" in changing
    assert changing <= ALLOWED
    assert not any(bystander in str(call["resource"]) for call in calls if call["action"] in changing)


@pytest.mark.parametrize("counted", ["failures", "attempts"])
def test_attempts_are_counted_as_the_switch_says(portcullis, counted: str):
    rule = portcullis.outputs["ConfigRuleName"]
    before = portcullis.config.describe_remediation_exceptions(ConfigRuleName=rule)["RemediationExceptions"]
    has = "attemptsCounted" in switch(portcullis, {"attemptsCounted": counted})
    portcullis.update(RemediationMode="True")
    done = first_hour(portcullis, "--yes", "--only", "attempts")
    assert done.returncode == 0, done.stderr
    assert answers(done.stdout) == {"attempts": REFUTED if has and counted == "attempts" else CONFIRMED}, done.stdout
    assert made(portcullis) == []
    assert portcullis.config.describe_remediation_exceptions(ConfigRuleName=rule)["RemediationExceptions"] == before


def test_in_manual_mode_attempts_are_not_observed_and_no_port_is_opened(portcullis):
    mark = portcullis.cloud.mark()
    done = first_hour(portcullis, "--yes", "--only", "attempts")
    assert answers(done.stdout) == {"attempts": UNOBSERVED}
    assert "RemediationMode=True" in done.stdout
    assert "ec2:AuthorizeSecurityGroupIngress" not in {call["action"] for call in portcullis.cloud.calls(since=mark)}


def test_every_switch_for_the_undocumented_has_a_check(portcullis):
    settings = portcullis.cloud.control("GET", "/settings")
    switches = {name for name, value in settings.items() if isinstance(value, bool) or (isinstance(value, str) and value)}
    source = "\n".join(file.read_text(encoding="utf-8") for file in (REPOSITORY / "scripts" / "first_hour").glob("*.py"))
    assert {name for name in switches if name not in source} == set()


def test_without_an_answer_to_the_question_nothing_is_made(portcullis):
    mark = portcullis.cloud.mark()
    done = first_hour(portcullis)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--yes" in done.stderr
    assert "ec2:CreateSecurityGroup" not in {call["action"] for call in portcullis.cloud.calls(since=mark)}
    # What only reads does not ask.
    done = first_hour(portcullis, "--only", "recording,token-lifetime")
    assert answers(done.stdout) == {"recording": CONFIRMED, "token-lifetime": UNOBSERVED}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_prints_its_answers_and_removes_what_it_made(portcullis, number):
    portcullis.cloud.settings(cloudTrailDelaySeconds=3600)
    process = subprocess.Popen(
        command(portcullis, "--yes", "--only", "revoke-atomic,trail-shape"),
        cwd=REPOSITORY,
        env=portcullis.cloud.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    mark = portcullis.cloud.mark()
    try:
        wait_for("the wait for CloudTrail", lambda: portcullis.cloud.calls(since=mark, action="cloudtrail:LookupEvents"), 60)
        assert made(portcullis) != []
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert answers(out) == {"revoke-atomic": CONFIRMED, "trail-shape": UNOBSERVED}
    assert made(portcullis) == []


def test_an_error_in_a_check_is_an_answer_and_the_group_is_deleted(portcullis):
    fault = {"service": "ec2", "action": "RevokeSecurityGroupIngress", "times": 1000}
    portcullis.cloud.fault(**fault, code="UnauthorizedOperation", status=403, message="arn:aws:iam::123456789012:user/x may not")
    done = first_hour(portcullis, "--yes", "--only", "revoke-many,protocol-06")
    assert done.returncode == 0, done.stderr
    assert answers(done.stdout)["revoke-many"] in (REFUTED, UNOBSERVED)
    assert "arn:aws" not in done.stdout
    assert made(portcullis) == []


def test_a_group_that_cannot_be_deleted_is_named_with_the_command(portcullis):
    portcullis.cloud.fault(service="ec2", action="DeleteSecurityGroup", times=1000, code="UnauthorizedOperation", status=403)
    done = first_hour(portcullis, "--yes", "--only", "protocol-06")
    assert done.returncode == 1
    [group] = made(portcullis)
    assert f"aws ec2 delete-security-group --region us-east-1 --group-id {group}" in done.stderr
    portcullis.cloud.control("DELETE", "/faults")
    assert f"an earlier run left {group}" in first_hour(portcullis, "--only", "recording").stderr


def test_the_group_is_made_in_the_named_vpc(portcullis):
    vpc = portcullis.ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    done = first_hour(portcullis, "--yes", "--only", "revoke-permissions", "--vpc", vpc)
    assert answers(done.stdout) == {"revoke-permissions": CONFIRMED}, done.stderr
    assert "in a VPC other than the default: InvalidPermission.NotFound; 1 of 1 matching rule left" in done.stdout
    assert made(portcullis) == []
    portcullis.ec2.delete_vpc(VpcId=vpc)


def test_the_account_is_shown_on_request(portcullis):
    account = portcullis.cloud.client("sts").get_caller_identity()["Account"]
    assert account in first_hour(portcullis, "--only", "recording", "--show-account").stdout


def test_an_unknown_check_is_refused(portcullis):
    done = first_hour(portcullis, "--only", "recordings")
    assert done.returncode == 2
    assert "no check `recordings`: --list prints their names" in done.stderr
