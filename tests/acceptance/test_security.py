"""SECURITY.md, claim by claim: attempts to make Portcullis open a group, hide an exposure, or log a secret. IAM is enforced."""

import contextlib
import json
import re
import time
import uuid

import pytest
from botocore.exceptions import ClientError
from portcullis import PARAMETERS, RULE, evidence, open_to, outcome

WORLD = "0.0.0.0/0"
ACCOUNT = "123456789012"
LOG_GROUPS = ["RuleEvaluatorLogGroup", "RemediatorLogGroup", "RestorerLogGroup", "QuarantineLogGroup"]
# S3 and Config, and EC2.
DENIED = re.compile("AccessDenied|UnauthorizedOperation")
FORGED_ID = "sg-0forged"
# A forged log line, and an escape sequence for the terminal of a reader.
FORGED = 'x\n{"level":"INFO","message":"close done","security_group.id":"sg-0forged"}\r\u001b[2Ky'


def policy(effect: str, action: list[str] | str, **more) -> str:
    statement = {"Effect": effect, "Action": action, **(more or {"Resource": "*"})}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def refusal(call, **parameters) -> str:
    """Error code of a call that IAM denies."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    assert error["Code"] in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"), error
    return error["Message"]


class People:
    """Creates users, and sessions of the roles of the stack."""

    def __init__(self, cloud):
        self.cloud, self.iam = cloud, cloud.client("iam")

    def user(self, actions: list[str] | str) -> dict:
        name = f"user-{uuid.uuid4().hex[:8]}"
        self.iam.create_user(UserName=name)
        self.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy("Allow", actions))
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}

    @contextlib.contextmanager
    def session_of(self, logical_id: str):
        """Session of the role of a function. Only Lambda may assume it, so the trust policy is extended for a while."""
        resource = self.cloud.client("cloudformation").describe_stack_resource(StackName="portcullis", LogicalResourceId=logical_id)
        name = resource["StackResourceDetail"]["PhysicalResourceId"]
        role = self.iam.get_role(RoleName=name)["Role"]
        caller = self.cloud.client("sts", self.user("sts:AssumeRole"))
        refusal(caller.assume_role, RoleArn=role["Arn"], RoleSessionName="before")
        trust = policy("Allow", "sts:AssumeRole", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
        self.iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
        try:
            given = caller.assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
        finally:
            self.iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(role["AssumeRolePolicyDocument"]))
        yield {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }


@pytest.fixture
def people(portcullis) -> People:
    return People(portcullis.cloud)


@pytest.fixture
def bucket(portcullis) -> str:
    return portcullis.outputs["SnapshotBucketName"]


def key_of(uri: str) -> str:
    return uri.removeprefix("s3://").split("/", 1)[1]


def closed_group(portcullis, name: str) -> tuple[str, str]:
    """A closed group, and the key of the snapshot from before the closing."""
    group = portcullis.cloud.group(name, open_to(WORLD))
    portcullis.cloud.settle()
    return group, key_of(evidence(portcullis.close(group))["snapshot"])


def read(portcullis, bucket: str, key: str) -> dict:
    return json.loads(portcullis.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


# ---- permissions to open


def test_the_role_that_closes_cannot_open_and_cannot_read_what_was_there(portcullis, people, bucket):
    group, key = closed_group(portcullis, "role-closes")
    with people.session_of("RemediatorRole") as session:
        ec2, s3 = portcullis.cloud.client("ec2", session), portcullis.cloud.client("s3", session)
        for call in (ec2.authorize_security_group_ingress, ec2.authorize_security_group_egress):
            refusal(call, GroupId=group, IpPermissions=[open_to(WORLD)])
        refusal(ec2.create_security_group, GroupName="another", Description="d")
        refusal(ec2.create_tags, Resources=[group], Tags=[{"Key": "k", "Value": "v"}])
        refusal(s3.get_object, Bucket=bucket, Key=key)
        refusal(s3.delete_object, Bucket=bucket, Key=key)
        refusal(s3.put_object, Bucket=bucket, Key=f"holds/{ACCOUNT}/us-east-1/{group}.json", Body=b"{}")
    assert portcullis.sources(group) == set()


def test_only_carve_and_replace_let_the_role_that_closes_add_rules(portcullis, people):
    """With these strategies, the role may add rules, and the code has to be trusted (SECURITY.md)."""
    group = portcullis.cloud.group("role-carves")
    portcullis.update(RemediationStrategy="Carve")
    with people.session_of("RemediatorRole") as session:
        ec2 = portcullis.cloud.client("ec2", session)
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[open_to("192.0.2.0/24")])
        refusal(ec2.create_tags, Resources=[group], Tags=[{"Key": "k", "Value": "v"}])
    portcullis.update(RemediationStrategy="Revoke")
    with people.session_of("RemediatorRole") as session:
        ec2 = portcullis.cloud.client("ec2", session)
        refusal(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[open_to("198.51.100.0/24")])


def test_the_role_that_opens_cannot_write_what_it_reads(portcullis, people, bucket):
    group, key = closed_group(portcullis, "role-opens")
    with people.session_of("RestorerRole") as session:
        s3 = portcullis.cloud.client("s3", session)
        assert s3.get_object(Bucket=bucket, Key=key)
        for prefix in ("security-groups", "owed", "network-acls"):
            refusal(s3.put_object, Bucket=bucket, Key=f"{prefix}/{ACCOUNT}/us-east-1/{group}/x.json", Body=b"{}")
        refusal(s3.delete_object, Bucket=bucket, Key=key)
        refusal(s3.put_bucket_policy, Bucket=bucket, Policy=policy("Allow", "s3:*", Principal="*"))


@pytest.mark.parametrize("role", ["EvaluatorRole", "QuarantineRole"])
def test_the_other_roles_change_no_security_group(portcullis, people, role):
    group = portcullis.cloud.group(f"other-{role}", open_to(WORLD))
    with people.session_of(role) as session:
        ec2 = portcullis.cloud.client("ec2", session)
        refusal(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[open_to("::/0")])
        refusal(ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=[open_to(WORLD)])
    assert portcullis.sources(group) == {WORLD}


@pytest.mark.parametrize("function", ["RemediatorFunctionName", "QuarantineFunctionName"])
def test_a_function_asked_for_another_s_duty_is_denied_by_its_role(portcullis, function):
    """One program serves three functions: their roles separate them, not the program."""
    group, _ = closed_group(portcullis, f"confused-{function}".lower())
    answer = portcullis.invoke(function, action="restore", securityGroupId=group, configRuleName=RULE)
    assert "nothing was changed" in answer["errorMessage"], answer
    assert DENIED.search(answer["errorMessage"]), answer
    assert portcullis.sources(group) == set()


def test_the_restorer_does_not_close_and_the_remediator_changes_no_network_acl(portcullis):
    group = portcullis.cloud.group("confused-close", open_to(WORLD))
    subnet = portcullis.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    portcullis.ec2.create_network_interface(SubnetId=subnet, Groups=[group])
    portcullis.cloud.settle()
    before = portcullis.ec2.describe_network_acls()["NetworkAcls"]
    for function, action in [
        ("RestorerFunctionName", "close"),
        ("RemediatorFunctionName", "quarantine"),
        ("RestorerFunctionName", "quarantine"),
    ]:
        answer = portcullis.invoke(function, action=action, securityGroupId=group, configRuleName=RULE)
        assert DENIED.search(answer["errorMessage"]), (function, action, answer)
    assert portcullis.sources(group) == {WORLD}
    assert portcullis.ec2.describe_network_acls()["NetworkAcls"] == before


def test_a_caller_without_permission_to_invoke_or_run_can_do_nothing(portcullis, people):
    group, _ = closed_group(portcullis, "nobody")
    nobody = people.user(["ec2:Describe*", "s3:ListBucket"])
    request = json.dumps({"action": "restore", "securityGroupId": group, "configRuleName": RULE})
    functions = portcullis.cloud.client("lambda", nobody)
    for output in ("RemediatorFunctionName", "RestorerFunctionName", "QuarantineFunctionName", "RuleEvaluatorFunctionName"):
        refusal(functions.invoke, FunctionName=portcullis.outputs[output], Payload=request)
    for output in ("CloseDocumentName", "RestoreDocumentName", "QuarantineDocumentName"):
        start = portcullis.cloud.client("ssm", nobody).start_automation_execution
        refusal(start, DocumentName=portcullis.outputs[output], Parameters={"SecurityGroupId": [group]})
    assert portcullis.sources(group) == set()


# ---- forged snapshots


def test_no_other_principal_writes_a_snapshot_even_with_iam_permissions(portcullis, people, bucket):
    group, key = closed_group(portcullis, "forged")
    own = portcullis.cloud.client("s3", people.user("*"))
    genuine = read(portcullis, bucket, key)
    genuine["securityGroup"]["ingress"][0]["cidrIpv4"] = "203.0.113.0/24"
    forged = json.dumps(genuine).encode()
    places = [key, key.replace(".json", "_9.json"), f"owed/{ACCOUNT}/us-east-1/{group}.json", f"holds/{ACCOUNT}/us-east-1/{group}.json"]
    for place in places:
        assert "explicit deny" in refusal(own.put_object, Bucket=bucket, Key=place, Body=forged)
        refusal(own.copy_object, Bucket=bucket, Key=place, CopySource={"Bucket": bucket, "Key": key})
    # Not even the root of the account, unless it changes the policy.
    refusal(portcullis.cloud.client("s3").put_object, Bucket=bucket, Key=key, Body=forged)
    assert outcome(portcullis.restore(group)) == "RESTORED"
    assert portcullis.sources(group) == {WORLD}


def versions_of(s3, bucket: str, key: str) -> list[str]:
    """Ids of the versions of an object and of the markers of its deletions."""
    found = s3.list_object_versions(Bucket=bucket, Prefix=key)
    return [one["VersionId"] for kind in ("Versions", "DeleteMarkers") for one in found.get(kind, [])]


def one_of_a_batch(s3, **named: str):
    """Deletes an object in a call that may name several. S3 answers for each object; it may also refuse the whole call."""
    answer = s3.delete_objects(Bucket=named.pop("Bucket"), Delete={"Objects": [named]})
    if answer.get("Errors"):
        raise ClientError({"Error": answer["Errors"][0]}, "DeleteObjects")


@pytest.mark.parametrize("deletion", ["one", "one of a batch"])
def test_nobody_revives_a_hold_that_has_ended(portcullis, people, bucket, deletion):
    """To delete the marker of a deletion is to bring back what was deleted: an administrator who may do anything by IAM cannot."""
    group, snapshot = closed_group(portcullis, "revived")
    hold = f"holds/{ACCOUNT}/us-east-1/{group}.json"
    assert outcome(portcullis.restore(group)) == "RESTORED"
    assert outcome(portcullis.close(group, IgnoreHold="true")) == "CLOSED"
    s3 = portcullis.cloud.client("s3")
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket, Key=hold)

    administrator = portcullis.cloud.client("s3", people.user("*"))
    versions = versions_of(administrator, bucket, hold)
    assert len(versions) == 2, "the hold, and the marker of its deletion"
    # Nor does anybody make an older snapshot the latest one. The second client is the root user.
    for key, version in [*((hold, version) for version in versions), (snapshot, versions_of(administrator, bucket, snapshot)[0])]:
        for client in (administrator, s3):
            delete = client.delete_object if deletion == "one" else lambda client=client, **named: one_of_a_batch(client, **named)
            refusal(delete, Bucket=bucket, Key=key, VersionId=version)
    assert versions_of(s3, bucket, hold) == versions
    # The group is still closed again, without IgnoreHold.
    portcullis.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[open_to(WORLD)])
    assert outcome(portcullis.close(group)) == "CLOSED"


def test_a_snapshot_of_another_group_is_refused_in_any_location(portcullis, bucket):
    """An administrator who removes the policy can write there, but a snapshot is valid for its own group only."""
    open_group, foreign = closed_group(portcullis, "foreign-source")
    group, own = closed_group(portcullis, "foreign-target")
    s3 = portcullis.cloud.client("s3")
    kept = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    planted = own.replace(".json", "_planted.json")
    s3.delete_bucket_policy(Bucket=bucket)
    try:
        s3.copy_object(Bucket=bucket, Key=planted, CopySource={"Bucket": bucket, "Key": foreign})
        for snapshot in ("latest", f"s3://{bucket}/{planted}"):
            run = portcullis.restore(group, Snapshot=snapshot)
            assert run["AutomationExecutionStatus"] == "Failed"
            assert f"it is not the snapshot of a closing of {group}" in run["FailureMessage"], run["FailureMessage"]
    finally:
        s3.put_bucket_policy(Bucket=bucket, Policy=kept)
        s3.delete_object(Bucket=bucket, Key=planted)
    assert portcullis.sources(group) == set()
    assert portcullis.sources(open_group) == set()


@pytest.mark.parametrize(
    "place",
    [
        "s3://{bucket}/{foreign}",
        "{foreign}",
        "s3://{bucket}/security-groups/210987654321/us-east-1/{group}/{file}",
        "s3://{bucket}/security-groups/123456789012/eu-west-1/{group}/{file}",
        "s3://somebody-elses-bucket/{own}",
        "s3://{bucket}/restores/123456789012/us-east-1/{group}/{file}",
    ],
)
def test_only_a_snapshot_of_this_group_account_and_region_can_be_named(portcullis, bucket, place):
    _, foreign = closed_group(portcullis, f"named-other-{uuid.uuid4().hex[:6]}")
    group, own = closed_group(portcullis, f"named-{uuid.uuid4().hex[:6]}")
    named = place.format(bucket=bucket, foreign=foreign, own=own, group=group, file=own.rsplit("/", 1)[1])
    run = portcullis.restore(group, Snapshot=named)
    assert run["AutomationExecutionStatus"] == "Failed"
    assert f"is not a snapshot of {group}" in run["FailureMessage"], run["FailureMessage"]
    assert portcullis.sources(group) == set()


# ---- text from users: tags, exemptions, names


@pytest.mark.parametrize("key", ["Name", "portcullis:exempt", "ExemptionTagKey", "exempt"])
def test_a_tag_that_the_operator_has_not_named_exempts_nothing(portcullis, key):
    group = portcullis.cloud.group(f"tag-{key.lower()}".replace(":", "-"), open_to(WORLD), tags={key: "9999-12-31 please"})
    portcullis.cloud.settle()
    assert portcullis.result(group)[0] == "NON_COMPLIANT"
    assert outcome(portcullis.close(group)) == "CLOSED"


@contextlib.contextmanager
def exempting(portcullis, name: str, document: str):
    """A new rule with this text as its exemptions."""
    portcullis.ssm.put_parameter(Name=f"/portcullis/{name}", Type="String", Value=document, Overwrite=True)
    with portcullis.another_rule(name, json.dumps(PARAMETERS | {"ExemptionsParameter": f"/portcullis/{name}"})):
        portcullis.config.start_config_rules_evaluation(ConfigRuleNames=[name])
        portcullis.cloud.settle()
        yield name


@pytest.mark.parametrize(
    "document",
    [
        "[" * 4000,
        '{"version":1,"exemptions":[{"securityGroupId":"*","expires":"9999-12-31","reason":"all of them"}]}',
        '{"version":1,"exemptions":[],"exemptions":[]}',
        '{"123456789012":["vpc-0123456789abcdef0:*", "*"]}',
        "",
    ],
    ids=["deep", "wildcard", "twice", "hammer-wildcard", "blank"],
)
def test_a_poisoned_exemptions_document_exempts_no_group(portcullis, request, document):
    name = f"poisoned-{request.node.callspec.id}"
    group = portcullis.cloud.group(name, open_to(WORLD))
    with exempting(portcullis, name, document or " ") as rule:
        assert portcullis.result(group, rule) is None
        run = portcullis.close(group, ConfigRuleName=rule)
        assert run["AutomationExecutionStatus"] == "Failed"
        assert "nothing was changed" in run["FailureMessage"], run["FailureMessage"]
        assert len(run["FailureMessage"]) < 5000
    assert portcullis.sources(group) == {WORLD}


@pytest.fixture
def since() -> int:
    """Start of the test, in milliseconds, to filter the logs."""
    return int(time.time() * 1000)


def raw_log(portcullis, output: str, since: int) -> list[str]:
    pages = portcullis.cloud.client("logs").get_paginator("filter_log_events")
    group = portcullis.outputs[output]
    return [event["message"] for page in pages.paginate(logGroupName=group, startTime=since) for event in page["events"]]


def assert_nothing_is_forged(portcullis, since: int) -> None:
    said = {output: raw_log(portcullis, output, since) for output in LOG_GROUPS}
    assert any(said.values())
    for output, lines in said.items():
        for line in lines:
            assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", line.rstrip("\n")), (output, line)
            if line.startswith("{"):
                assert json.loads(line).get("security_group.id") != FORGED_ID, (output, line)


def test_an_exemption_s_reason_stays_on_its_line_and_fits_the_annotation(portcullis, since):
    group = portcullis.cloud.group("reason", open_to(WORLD))
    exemption = {"securityGroupId": group, "expires": "2099-12-31", "reason": FORGED + "\u0085" + "z" * 2500, "owner": FORGED}
    with exempting(portcullis, "reason", json.dumps({"version": 1, "exemptions": [exemption]})) as rule:
        compliance, annotation = portcullis.result(group, rule)
        assert compliance == "COMPLIANT"
        assert len(annotation) <= 256
        assert annotation.isprintable(), annotation
        assert outcome(portcullis.close(group, ConfigRuleName=rule)) == "EXEMPT"
    assert_nothing_is_forged(portcullis, since)


@pytest.mark.parametrize("function", ["RemediatorFunctionName", "RestorerFunctionName", "QuarantineFunctionName"])
@pytest.mark.parametrize(
    "field",
    ["action", "securityGroupId", "configRuleName", "snapshot", "executionId", "strategy", pytest.param(FORGED, id="name of a field")],
)
def test_a_request_writes_no_line_of_its_own(portcullis, function, field, since):
    action = {"RemediatorFunctionName": "close", "RestorerFunctionName": "restore", "QuarantineFunctionName": "quarantine"}[function]
    request = {"action": action, "securityGroupId": "sg-0123456789abcdef0", "configRuleName": RULE, field: FORGED}
    portcullis.invoke(function, **request)
    assert_nothing_is_forged(portcullis, since)
    # The value of an unknown field is not repeated.
    if field not in ("snapshot", "strategy", "executionId"):
        assert FORGED_ID in json.dumps([raw_log(portcullis, output, since) for output in LOG_GROUPS]), "it is there, within its line"


def test_names_and_descriptions_of_others_write_no_line_of_their_own(portcullis, since):
    description = "d\n" + json.dumps({"security_group.id": "sg-0forged"})
    # XML, and so a response from EC2, cannot contain an escape character.
    name = f"named {FORGED}".replace("\u001b", "")
    group = portcullis.cloud.group(name, open_to(WORLD, description=description))
    portcullis.cloud.settle()
    assert portcullis.result(group)[0] == "NON_COMPLIANT"
    assert outcome(portcullis.close(group)) == "CLOSED"
    assert outcome(portcullis.restore(group)) == "RESTORED"
    assert_nothing_is_forged(portcullis, since)


# ---- contents of the logs


def test_no_credential_no_token_and_no_snapshot_is_logged(portcullis, bucket, since):
    """The marks are in the snapshot only: a log does not contain rules that are not exposing."""
    mark = uuid.uuid4().hex
    https = open_to(WORLD, ports=(443, 443), description=f"description {mark}")
    group = portcullis.cloud.group("unlogged", open_to(WORLD), https)
    portcullis.cloud.settle()
    closed = evidence(portcullis.close(group))
    assert mark in json.dumps(read(portcullis, bucket, key_of(closed["snapshot"])))
    assert outcome(portcullis.restore(group)) == "RESTORED"
    subnet = portcullis.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    portcullis.ec2.create_network_interface(SubnetId=subnet, Groups=[group])
    assert outcome(portcullis.quarantine(group)) in ("QUARANTINED", "NOTHING_TO_DO")
    assert outcome(portcullis.quarantine(group, Action="release")) in ("RELEASED", "NOTHING_TO_DO")
    # A failure is logged with more details.
    portcullis.cloud.fault(service="ec2", action="RevokeSecurityGroupIngress", code="UnauthorizedOperation", status=403, times=20)
    portcullis.close(group, IgnoreHold="true")
    portcullis.cloud.control("DELETE", "/faults")

    for output in LOG_GROUPS:
        text = "\n".join(raw_log(portcullis, output, since))
        assert group in text, output
        assert mark not in text
        assert not re.search(r"\b(AKIA|ASIA)[A-Z0-9]{12,}", text), output
        for word in (
            "AWS_SECRET",
            "AWS_SESSION",
            "SessionToken",
            "session_token",
            "resultToken",
            "result_token",
            "invokingEvent",
            "X-Amz-",
            "Authorization: ",
        ):
            assert word.lower() not in text.lower(), (output, word)
