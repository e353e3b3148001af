"""Protection of snapshots and exempt groups: the bucket, its policy, and the hard stop in IAM."""

import json
from typing import Any

import pytest
from rendering import Stack

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PREFIXES = {"security-groups/", "restores/", "network-acls/", "holds/", "owed/", "evaluations/"}

# ---- the bucket


def test_the_bucket_outlives_the_stack_and_so_does_its_policy(template: dict[str, Any]) -> None:
    for name in ("SnapshotBucket", "SnapshotBucketPolicy"):
        resource = template["Resources"][name]
        assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resource["UpdateReplacePolicy"] == "Retain"
        assert "BucketName" not in resource["Properties"], "the name of a retained bucket would block the next stack"


def test_the_bucket_is_private_and_versioned(stack: Stack) -> None:
    bucket = stack.resources["SnapshotBucket"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


@pytest.mark.parametrize(
    ("key", "encryption"),
    [
        ("", {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}),
        (KEY, {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}, "BucketKeyEnabled": True}),
    ],
)
def test_the_bucket_is_encrypted(template: dict[str, Any], key: str, encryption: dict[str, Any]) -> None:
    (rule,) = Stack(template, KmsKeyArn=key).resources["SnapshotBucket"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == encryption


def test_every_object_in_the_bucket_expires(template: dict[str, Any]) -> None:
    rules = Stack(template, SnapshotRetentionDays="30").resources["SnapshotBucket"]["LifecycleConfiguration"]["Rules"]
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    expiring = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
    assert expiring.keys() == PREFIXES
    assert {str(days) for prefix, days in expiring.items() if prefix != "holds/"} == {"30"}
    (rest,) = [rule for rule in rules if "ExpirationInDays" not in rule]
    assert "Prefix" not in rest
    assert rest["NoncurrentVersionExpiration"] == {"NoncurrentDays": "30"}
    assert rest["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] <= 7


def test_a_hold_expires_before_its_object(stack: Stack) -> None:
    rules = stack.resources["SnapshotBucket"]["LifecycleConfiguration"]["Rules"]
    (holds,) = [rule for rule in rules if rule.get("Prefix") == "holds/"]
    hours = stack.resources["RestoreDocument"]["Content"]["parameters"]["ExceptionHours"]["description"]
    assert "0 to 8760" in hours
    assert holds["ExpirationInDays"] * 24 > 8760


# ---- its policy

WRITERS = {
    "security-groups/": "RemediatorRole",
    "owed/": "RemediatorRole",
    "evaluations/": "RemediatorRole",
    "restores/": "RestorerRole",
    "holds/": "RestorerRole",
    "network-acls/": "QuarantineRole",
}


@pytest.fixture(scope="session")
def denials(stack: Stack) -> list[dict[str, Any]]:
    """Statements of the bucket policy."""
    policy = stack.resources["SnapshotBucketPolicy"]
    assert policy["Bucket"] == {"Ref": "SnapshotBucket"}
    return policy["PolicyDocument"]["Statement"]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def permitted_roles(denials: list[dict[str, Any]], action: str, key: str) -> set[str] | None:
    """Roles that the policy permits an action on an object. None if it permits every principal."""
    left: set[str] | None = None
    for statement in denials:
        resources = [resource for resource in as_list(statement["Resource"]) if isinstance(resource, str)]
        covers = any(f"${{SnapshotBucket.Arn}}/{key}".startswith(resource.removesuffix("*")) for resource in resources)
        if action in as_list(statement["Action"]) and covers:
            exemptions = statement.get("Condition", {}).get("ArnNotEquals", {}).get("aws:PrincipalArn", [])
            exempt = {arn["Fn::GetAtt"][0] for arn in as_list(exemptions)}
            left = exempt if left is None else left & exempt
    return left


def test_the_policy_only_denies_and_denies_every_principal(denials: list[dict[str, Any]]) -> None:
    for statement in denials:
        assert statement["Effect"] == "Deny"
        assert statement["Principal"] == "*"
    sids = [statement["Sid"] for statement in denials]
    assert len(sids) == len(set(sids))


def test_every_request_needs_tls(denials: list[dict[str, Any]]) -> None:
    (tls,) = [statement for statement in denials if statement["Action"] == "s3:*"]
    assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert tls["Resource"] == [{"Fn::GetAtt": ["SnapshotBucket", "Arn"]}, "${SnapshotBucket.Arn}/*"]


@pytest.mark.parametrize(("prefix", "writer"), WRITERS.items())
def test_nobody_but_one_role_writes(denials: list[dict[str, Any]], prefix: str, writer: str) -> None:
    # Replication writes as well, with another permission.
    for action in ("s3:PutObject", "s3:ReplicateObject"):
        assert permitted_roles(denials, action, f"{prefix}123456789012/x") == {writer}


def test_the_role_of_the_command_line_may_close_and_restore(template: dict[str, Any]) -> None:
    role = "arn:aws:iam::123456789012:role/firefighter"
    denials = Stack(template, CliRoleArn=role).resources["SnapshotBucketPolicy"]["PolicyDocument"]["Statement"]
    for statement in denials:
        allowed = as_list(statement.get("Condition", {}).get("ArnNotEquals", {}).get("aws:PrincipalArn", []))
        # The command line does not change network ACLs.
        about_groups = not any("network-acls" in resource for resource in as_list(statement["Resource"]) if isinstance(resource, str))
        assert (role in allowed) is (about_groups and bool(allowed)), statement["Sid"]


def test_every_prefix_has_a_writer() -> None:
    assert WRITERS.keys() == PREFIXES


def test_only_remediator_and_restorer_delete_holds(denials: list[dict[str, Any]]) -> None:
    for prefix in ("holds", "owed"):
        # Replication deletes as well, with another permission.
        for action in ("s3:DeleteObject", "s3:ReplicateDelete"):
            assert permitted_roles(denials, action, f"{prefix}/123456789012/x") == {"RemediatorRole", "RestorerRole"}
    # Versions keep deleted snapshots.
    assert permitted_roles(denials, "s3:DeleteObject", "security-groups/123456789012/x") is None


@pytest.mark.parametrize("prefix", sorted(PREFIXES))
def test_nobody_makes_an_older_version_the_current_one(denials: list[dict[str, Any]], prefix: str) -> None:
    assert permitted_roles(denials, "s3:DeleteObjectVersion", f"{prefix}123456789012/x") == set()


def test_every_writer_of_the_policy_has_the_permission_in_its_role(stack: Stack, denials: list[dict[str, Any]]) -> None:
    for prefix, writer in WRITERS.items():
        statements = stack.resources[writer]["Policies"][0]["PolicyDocument"]["Statement"]
        written = [target for s in statements if "s3:PutObject" in as_list(s["Action"]) for target in as_list(s["Resource"])]
        assert any(target.startswith(f"${{SnapshotBucket.Arn}}/{prefix}") for target in written), prefix


# ---- exemption by tag


@pytest.mark.parametrize("key", ["portcullis:exempt", "a", "Team.A/open_ports=1+2@x-y", "x" * 128])
def test_the_hard_stop_denies_changes_of_a_tagged_group(template: dict[str, Any], key: str) -> None:
    policy = Stack(template, ExemptionTagKey=key).resources["HardStop"]
    # Only for the role that closes: a restore stays possible.
    assert policy["Roles"] == [{"Ref": "RemediatorRole"}]
    document = json.loads(policy["PolicyDocument"])
    assert document["Version"] == "2012-10-17"
    (statement,) = document["Statement"]
    assert statement["Effect"] == "Deny"
    assert set(statement["Action"]) == {"ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"}
    assert statement["Resource"] == "arn:aws:ec2:eu-central-1:123456789012:security-group/*"
    # "false" means that the tag is present.
    assert statement["Condition"] == {"Null": {f"aws:ResourceTag/{key}": "false"}}


def test_the_hard_stop_covers_every_change_that_the_remediator_may_make(template: dict[str, Any]) -> None:
    stack = Stack(template, ExemptionTagKey="exempt", RemediationStrategy="Carve")
    denied = json.loads(stack.resources["HardStop"]["PolicyDocument"])["Statement"][0]["Action"]
    statements = stack.resources["RemediatorRole"]["Policies"][0]["PolicyDocument"]["Statement"]
    group = "arn:aws:ec2:eu-central-1:123456789012:security-group/*"
    changing = {action for s in statements if group in as_list(s["Resource"]) for action in as_list(s["Action"])}
    assert changing == set(denied)


def test_there_is_no_hard_stop_without_a_tag(stack: Stack) -> None:
    assert "HardStop" not in stack.resources


@pytest.mark.parametrize(
    "parameters",
    [
        '{"FocusOnPorts":"22,3389"}',
        ' {\n "FocusOnPorts" : "1234,5678"\n} ',
        '{"FocusOnPorts":[22,"tcp/3389"],"AuthorizedCidrs":["198.51.100.0/24"],"SourceScope":"Public"}',
        '{"blockedPort1":20,"ExemptionsParameter":"/portcullis/exemptions"}',
    ],
)
def test_the_tag_key_is_added_to_the_parameters_of_the_rule(template: dict[str, Any], parameters: str) -> None:
    stack = Stack(template, SourceInputParameters=parameters, ExemptionTagKey="portcullis:exempt")
    text = stack.resources["ConfigRule"]["InputParameters"]
    assert json.loads(text) == json.loads(parameters) | {"ExemptionTagKey": "portcullis:exempt"}


def test_a_tag_key_in_both_places_is_passed_on_twice(template: dict[str, Any]) -> None:
    # The evaluator refuses a duplicate key.
    parameters = '{"FocusOnPorts":"22","ExemptionTagKey":"one"}'
    text = Stack(template, SourceInputParameters=parameters, ExemptionTagKey="two").resources["ConfigRule"]["InputParameters"]
    keys = [key for key, _ in json.loads(text, object_pairs_hook=list)]
    assert keys == ["FocusOnPorts", "ExemptionTagKey", "ExemptionTagKey"]


@pytest.mark.parametrize("parameters", ['{"FocusOnPorts":"22"}', ' {"FocusOnPorts":"22","ExemptionTagKey":"one"} '])
def test_without_a_tag_the_parameters_of_the_rule_are_unchanged(template: dict[str, Any], parameters: str) -> None:
    assert Stack(template, SourceInputParameters=parameters).resources["ConfigRule"]["InputParameters"].strip() == parameters.strip()


@pytest.mark.parametrize(
    ("form", "policy"),
    [
        ({}, {"FocusOnPorts": "22,3389", "SourceScope": "World", "AuthorizedCidrs": ""}),
        (
            {"FocusOnPorts": "tcp/22", "SourceScope": "Public", "AuthorizedCidrs": "198.51.100.0/24, 2001:db8::/32"},
            {"FocusOnPorts": "tcp/22", "SourceScope": "Public", "AuthorizedCidrs": "198.51.100.0/24, 2001:db8::/32"},
        ),
        (
            {"ExemptionsParameter": "/portcullis/e", "ExemptionTagKey": "exempt"},
            {
                "FocusOnPorts": "22,3389",
                "SourceScope": "World",
                "AuthorizedCidrs": "",
                "ExemptionsParameter": "/portcullis/e",
                "ExemptionTagKey": "exempt",
            },
        ),
    ],
    ids=["the defaults", "ports, scope and CIDRs", "exemptions"],
)
def test_the_form_becomes_the_parameters_of_the_rule(template: dict[str, Any], form: dict[str, str], policy: dict[str, str]) -> None:
    assert json.loads(Stack(template, **form).resources["ConfigRule"]["InputParameters"]) == policy


def test_the_parameters_of_the_rule_fit_whatever_is_given(template: dict[str, Any]) -> None:
    longest = {name: "x" * parameter["MaxLength"] for name, parameter in template["Parameters"].items() if "MaxLength" in parameter}
    form = {name: longest[name] for name in ("FocusOnPorts", "AuthorizedCidrs", "ExemptionsParameter", "ExemptionTagKey")}
    text = '{"FocusOnPorts":"22"' + " " * (len(longest["SourceInputParameters"]) - 21) + "}"
    assert len(text) == template["Parameters"]["SourceInputParameters"]["MaxLength"]
    as_json = {"SourceInputParameters": text, "ExemptionTagKey": longest["ExemptionTagKey"]}
    for given in ({**form, "SourceScope": "World"}, {**form, "SourceScope": "Public"}, as_json):
        parameters = Stack(template, **given).resources["ConfigRule"]["InputParameters"]
        # Limit of AWS Config.
        # Source: https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigRule.html
        assert len(parameters) <= 1024
        assert len(parameters) > 1000, "no room is given away"
        json.loads(parameters)
