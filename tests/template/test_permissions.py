"""Roles allow exactly the actions that their functions call."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cfnlint
import pytest
import yaml
from rendering import Stack

Statement = dict[str, Any]

# Actions that Lambda itself takes with the role of a function.
PLATFORM = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:SendMessage",
    "kms:Decrypt",
    "kms:GenerateDataKey",
}

# ---- calls of each function of the remediator's program: the table to update when the code calls another action

JUDGES = {
    "config:DescribeConfigRules",
    "ec2:DescribeManagedPrefixLists",
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "ec2:GetManagedPrefixListEntries",
    "ssm:GetParameter",
}
CALLS = {
    "RemediatorRole": {
        *JUDGES,
        "config:DeleteRemediationExceptions",
        "config:DescribeRemediationExceptions",
        "config:GetComplianceDetailsByConfigRule",
        "config:GetComplianceDetailsByResource",
        "config:PutRemediationExceptions",
        "config:StartConfigRulesEvaluation",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "events:PutEvents",
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:RevokeSecurityGroupIngress",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:HeadObject",
        "s3:ListObjectsV2",
        "s3:PutObject",
        "scheduler:CreateSchedule",
    },
    "RestorerRole": {
        "config:DeleteRemediationExceptions",
        "config:DescribeRemediationExceptions",
        "config:PutRemediationExceptions",
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:DescribeSecurityGroupRules",
        "ec2:DescribeSecurityGroups",
        "ec2:RevokeSecurityGroupIngress",
        "events:PutEvents",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:HeadObject",
        "s3:ListObjectsV2",
        "s3:PutObject",
    },
    "QuarantineRole": {
        *JUDGES,
        "ec2:CreateNetworkAclEntry",
        "ec2:DeleteNetworkAclEntry",
        "ec2:DescribeNetworkAcls",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeVpcs",
        "events:PutEvents",
        "s3:GetObject",
        "s3:ListObjectsV2",
        "s3:PutObject",
    },
}
# Calls that need further or other actions than the one of their name.
ACTIONS_OF_CALL = {
    # The rules get their tags in the same call.
    "ec2:AuthorizeSecurityGroupIngress": {"ec2:AuthorizeSecurityGroupIngress", "ec2:CreateTags"},
    # Without s3:ListBucket, S3 answers 403 instead of 404 for a missing object.
    "s3:GetObject": {"s3:GetObject", "s3:ListBucket"},
    "s3:HeadObject": {"s3:GetObject", "s3:ListBucket"},
    "s3:ListObjectsV2": {"s3:ListBucket"},
    # The schedule gets a role to use.
    "scheduler:CreateSchedule": {"iam:PassRole", "scheduler:CreateSchedule"},
}
# Files of the crate `aws-adapters` that call a crate of the SDK, and its service.
SERVICES = {
    "bucket": "s3",
    "config": "config",
    "ec2": "ec2",
    "executions": "ssm",
    "finding_table": "dynamodb",
    "network_acl": "ec2",
    "secret_store": "ssm",
    "ssm": "ssm",
    "state_table": "dynamodb",
}
# Services without a crate of the SDK have the prefix of their actions as the name in signatures. Operations of restJson, by path.
PATHS = {"/findings/import": "securityhub:BatchImportFindings", "/schedules/": "scheduler:CreateSchedule"}
# Directories of the crate whose files together implement a trait.
TRAITS = {"surroundings": "Surroundings"}
# It needs no permission, so no role is compared with it.
OUTSIDE = {"sts:GetCallerIdentity"}

# Calls of the duty `account-sweep` of the reporter, and the traits behind them.
RECONCILER = {
    "config:DescribeRemediationExceptions",
    "config:GetComplianceDetailsByConfigRule",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "events:PutEvents",
}
# Calls of the duty `context` of the reporter.
CONTEXT = {
    "cloudtrail:LookupEvents",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeTags",
    "elasticloadbalancing:DescribeTags",
    "events:PutEvents",
    "rds:DescribeDBInstances",
    "sqs:ChangeMessageVisibility",
}
# What Lambda does with a queue whose messages it gives to a function.
POLLER = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}

REPORTER_ROLES = {"ReconcilerRole": "ReconcilerFunction", "ContextRole": "ContextFunction", "FollowUpRole": "FollowUpFunction"}
FUNCTION_ROLES = {"EvaluatorRole": "EvaluatorFunction", **REPORTER_ROLES} | {name: name.replace("Role", "Function") for name in CALLS}
AUTOMATION_ROLES = {
    "AutomationRole": "RemediatorFunction",
    "RestoreAutomationRole": "RestorerFunction",
    "QuarantineAutomationRole": "QuarantineFunction",
}


def statements(role: dict[str, Any]) -> Iterator[tuple[str | None, Statement]]:
    """Statements of a role with their conditions."""
    for policy in role.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            if "Fn::If" in statement:
                condition, then, otherwise = statement["Fn::If"]
                assert otherwise == {"Ref": "AWS::NoValue"}
                yield condition, then
            else:
                yield None, statement


def actions(statement: Statement) -> list[str]:
    """Actions of a statement."""
    action = statement["Action"]
    return [action] if isinstance(action, str) else action


def targets(statement: Statement) -> list[Any]:
    """Resources of a statement."""
    resource = statement["Resource"]
    return resource if isinstance(resource, list) else [resource]


def allowed(role: dict[str, Any], *conditions: str | None) -> set[str]:
    """Actions that a role allows; with conditions, only under these."""
    return {
        action
        for condition, statement in statements(role)
        if statement["Effect"] == "Allow" and (not conditions or condition in conditions)
        for action in actions(statement)
    }


def by_sid(role: dict[str, Any], sid: str) -> Statement:
    """Statement of a role."""
    (found,) = [statement for _, statement in statements(role) if statement["Sid"] == sid]
    return found


@pytest.fixture(scope="session")
def roles(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Properties of the roles."""
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == "AWS::IAM::Role"}


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """Service authorization reference, from the data of cfn-lint."""
    path = Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "Policies.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_role_is_for_one_function_or_one_document(roles: dict[str, dict[str, Any]]) -> None:
    assert roles.keys() == FUNCTION_ROLES.keys() | AUTOMATION_ROLES.keys() | {"ScheduleRole"}
    for name, role in roles.items():
        assert role["PermissionsBoundary"]["Fn::If"][0] == "HasBoundary", name


def test_the_checks_of_the_local_cloud_are_listed_for_every_call(roles: dict[str, dict[str, Any]], checkout: Path) -> None:
    page = (checkout / "docs" / "local-cloud-checks.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+:\w+)` \|", page, re.MULTILINE)
    assert listed == sorted(set().union(*(allowed(role) for role in roles.values())))


def test_every_function_has_its_own_role(resources: dict[str, dict[str, Any]]) -> None:
    for role, function in FUNCTION_ROLES.items():
        arn = resources[function]["Role"]
        arn = arn["Fn::If"][1] if "Fn::If" in arn else arn
        assert arn == {"Fn::GetAtt": [role, "Arn"]}


def test_the_functions_of_the_remediator_are_one_program_and_know_the_bucket(resources: dict[str, dict[str, Any]]) -> None:
    functions = [resources[FUNCTION_ROLES[role]] for role in CALLS]
    for function in functions:
        assert function["Code"] == {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "RemediatorKey"}}
        variables = function["Environment"]["Variables"]
        assert variables["SNAPSHOT_BUCKET"] == {"Ref": "SnapshotBucket"}
        assert variables["SNAPSHOT_BUCKET_OWNER"] == {"Ref": "AWS::AccountId"}
    assert len({function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions}) == 3


def test_actions_exist_and_have_no_wildcards(roles: dict[str, dict[str, Any]], reference: dict[str, Any]) -> None:
    for name, role in roles.items():
        for _, statement in statements(role):
            assert "NotAction" not in statement
            for action in actions(statement):
                service, operation = action.split(":")
                assert operation.lower() in map(str.lower, reference[service]["Actions"]), f"{name}: {action}"


def test_a_wildcard_resource_needs_an_action_without_resource_level(roles: dict[str, dict[str, Any]], reference: dict[str, Any]) -> None:
    for name, role in roles.items():
        for _, statement in statements(role):
            if statement["Resource"] != "*":
                continue
            for action in actions(statement):
                service, operation = action.split(":")
                levels = {key.lower(): value for key, value in reference[service]["Actions"].items()}[operation.lower()]
                assert not levels.get("Resources"), f"{name}: {action} has the resource level {levels['Resources']}"


def test_statements_have_unique_sids(roles: dict[str, dict[str, Any]]) -> None:
    for name, role in roles.items():
        sids = [statement["Sid"] for _, statement in statements(role)]
        assert len(sids) == len(set(sids)), name


def test_roles_only_allow(roles: dict[str, dict[str, Any]]) -> None:
    assert {statement["Effect"] for role in roles.values() for _, statement in statements(role)} == {"Allow"}


def test_only_lambda_assumes_the_roles_of_functions(roles: dict[str, dict[str, Any]]) -> None:
    for name in FUNCTION_ROLES:
        (trust,) = roles[name]["AssumeRolePolicyDocument"]["Statement"]
        assert trust == {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}, name


def test_only_services_for_this_stack_invoke_its_functions(template: dict[str, Any]) -> None:
    permissions = [one["Properties"] for one in template["Resources"].values() if one["Type"] == "AWS::Lambda::Permission"]
    callers: dict[str, list[dict[str, Any]]] = {}
    for one in permissions:
        caller = {key: one[key] for key in one if key not in ("Action", "FunctionName")}
        callers.setdefault(one["FunctionName"]["Fn::GetAtt"][0], []).append(caller)

    def by_rules(*names: str) -> list[dict[str, Any]]:
        return [{"Principal": "events.amazonaws.com", "SourceArn": {"Fn::GetAtt": [name, "Arn"]}} for name in names]

    assert callers == {
        # The ARN of the rule is not known before the rule is created, and then AWS Config has to be allowed already.
        "EvaluatorFunction": [{"Principal": "config.amazonaws.com", "SourceAccount": {"Ref": "AWS::AccountId"}}],
        "RemediatorFunction": by_rules("Sweep", "Comparison", "ChangedParameters", "ChangedPrefixLists"),
        "ReconcilerFunction": by_rules("AccountSweep"),
        "FollowUpFunction": by_rules("FollowUp"),
    }


def test_no_secret_is_given_to_the_stack(template: dict[str, Any]) -> None:
    assert [name for name, parameter in template["Parameters"].items() if "NoEcho" in parameter] == []
    text = yaml.safe_dump(template)
    for source_of_secrets in ("{{resolve:secretsmanager", "{{resolve:ssm-secure", "AWS::IAM::AccessKey", "AWS::SecretsManager"):
        assert source_of_secrets not in text


# ---- a VPC


def test_network_permissions_exist_only_in_a_vpc_and_only_for_lambda(template: dict[str, Any], roles: dict[str, dict[str, Any]]) -> None:
    for name, role in roles.items():
        attached = {"Fn::If": ["InVpc", [{"Ref": "NetworkInterfacePolicy"}], {"Ref": "AWS::NoValue"}]}
        assert role.get("ManagedPolicyArns") == (attached if name in FUNCTION_ROLES else None), name
        assert "ec2:CreateNetworkInterface" not in allowed(role), name
    policy = template["Resources"]["NetworkInterfacePolicy"]
    assert policy["Condition"] == "InVpc"
    assert "Roles" not in policy["Properties"], "a role must have the policy before its function is created"
    allow, deny = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
    assert deny["Condition"]["ArnLike"].keys() == {"lambda:SourceFunctionArn"}
    assert set(actions(deny)) == {action for action in actions(allow) if ":Describe" not in action}
    # The quarantine reads network interfaces itself.
    assert "ec2:DescribeNetworkInterfaces" in allowed(roles["QuarantineRole"])


def test_a_role_of_the_operator_gets_no_policy(template: dict[str, Any]) -> None:
    parameters = {
        "LambdaRoleArn": "arn:aws:iam::123456789012:role/mine",
        "SubnetIds": "subnet-01234567",
        "SecurityGroupIds": "sg-01234567",
    }
    stack = Stack(template, **parameters)
    assert "EvaluatorRole" not in stack.resources
    assert stack.resources["EvaluatorFunction"]["Role"] == parameters["LambdaRoleArn"]
    assert "NetworkInterfacePolicy" in stack.resources


# ---- automations


@pytest.mark.parametrize(("name", "function"), AUTOMATION_ROLES.items())
def test_an_automation_may_call_its_function_and_nothing_else(roles: dict[str, dict[str, Any]], name: str, function: str) -> None:
    role = roles[name]
    (condition, statement), *others = statements(role)
    assert condition is None
    assert actions(statement) == ["lambda:InvokeFunction"]
    assert statement["Resource"] == {"Fn::GetAtt": [function, "Arn"]}
    assert len(others) == (1 if name == "AutomationRole" else 0)
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "ssm.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert "automation-execution/*" in trust["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]


def test_a_closing_may_request_approval_where_it_needs_one(roles: dict[str, dict[str, Any]]) -> None:
    _, (condition, statement) = statements(roles["AutomationRole"])
    assert condition == "NeedsApproval"
    assert actions(statement) == ["sns:Publish"]
    assert statement["Resource"] == {"Ref": "ApprovalTopicArn"}


# ---- permissions to open

OPENING = re.compile(r"ec2:(?!CreateTags$)(Authorize|Modify|Create|Put|Update|Replace|Associate)", re.IGNORECASE)


def test_the_remediator_cannot_open_anything_unless_the_strategy_adds_rules(roles: dict[str, dict[str, Any]]) -> None:
    role = roles["RemediatorRole"]
    assert {action for action in allowed(role, None, "HasKey", "InVpc") if OPENING.search(action)} == set()
    assert allowed(role, "AddsRules") == {"ec2:AuthorizeSecurityGroupIngress", "ec2:CreateTags"}


def test_each_role_makes_only_its_own_changes(roles: dict[str, dict[str, Any]]) -> None:
    changing = re.compile(r"(?!ec2:(Describe|Get))ec2:")
    changes = {name: {action for action in allowed(roles[name]) if changing.match(action)} for name in FUNCTION_ROLES}
    rules = {"ec2:AuthorizeSecurityGroupIngress", "ec2:CreateTags", "ec2:RevokeSecurityGroupIngress"}
    assert changes == {
        "EvaluatorRole": set(),
        "RemediatorRole": rules,
        "RestorerRole": rules,
        "QuarantineRole": {"ec2:CreateNetworkAclEntry", "ec2:DeleteNetworkAclEntry"},
        "ReconcilerRole": set(),
        "ContextRole": set(),
        "FollowUpRole": set(),
    }


@pytest.mark.parametrize(
    ("name", "sids"),
    [
        ("RemediatorRole", ("KeepWhatIsNotForbidden", "TagTheRulesThatAreAdded")),
        ("RestorerRole", ("GiveBackRules", "TagTheRulesThatAreGivenBack")),
    ],
)
def test_rules_are_added_and_tagged_in_one_call(template: dict[str, Any], name: str, sids: tuple[str, str]) -> None:
    role = Stack(template, RemediationStrategy="Carve").resources[name]
    adding, tagging = (by_sid(role, sid) for sid in sids)
    ec2 = "arn:aws:ec2:eu-central-1:123456789012"
    assert actions(adding) == ["ec2:AuthorizeSecurityGroupIngress"]
    assert targets(adding) == [f"{ec2}:security-group/*", f"{ec2}:security-group-rule/*"]
    assert actions(tagging) == ["ec2:CreateTags"]
    assert targets(tagging) == [f"{ec2}:security-group-rule/*"]
    # Without the condition, the role could tag any rule.
    assert tagging["Condition"] == {"StringEquals": {"ec2:CreateAction": "AuthorizeSecurityGroupIngress"}}


def test_the_evaluator_changes_nothing_but_evaluations(roles: dict[str, dict[str, Any]]) -> None:
    reading = re.compile(r":(Describe|Get|List)")
    assert {action for action in allowed(roles["EvaluatorRole"]) - PLATFORM if not reading.search(action)} == {
        "config:PutEvaluations",
        "events:PutEvents",
    }


# ---- events


ONE_BUS = "arn:aws:events:eu-central-1:210987654321:event-bus/security"


@pytest.mark.parametrize(
    ("name", "arn"),
    [
        ("default", "arn:aws:events:eu-central-1:123456789012:event-bus/default"),
        ("security", "arn:aws:events:eu-central-1:123456789012:event-bus/security"),
        ("learn.arn", "arn:aws:events:eu-central-1:123456789012:event-bus/learn.arn"),
        (f"{ONE_BUS}arn", f"{ONE_BUS}arn"),
        (ONE_BUS, ONE_BUS),
        ("", None),
    ],
)
def test_events_go_to_one_bus_from_the_functions_that_put_them(template: dict[str, Any], name: str, arn: str | None) -> None:
    stack = Stack(template, EventBusName=name, Context="True")
    # Without a bus, nothing asks for the context.
    functions = {role: function for role, function in FUNCTION_ROLES.items() if role in stack.resources}
    assert FUNCTION_ROLES.keys() - functions.keys() == (set() if name else {"ContextRole"})
    # The closing that it starts announces its outcome itself.
    functions.pop("FollowUpRole")
    found = {
        role: [targets(statement) for _, statement in statements(stack.resources[role]) if "events:PutEvents" in actions(statement)]
        for role in (*functions, *AUTOMATION_ROLES, "FollowUpRole")
    }
    assert {role: buses for role, buses in found.items() if buses} == ({} if arn is None else {role: [[arn]] for role in functions})
    told = {
        function: stack.resources[function].get("Environment", {}).get("Variables", {}).get("EVENT_BUS") for function in functions.values()
    }
    assert told == {function: name or None for function in functions.values()}


# ---- permissions on the bucket

OBJECTS = {
    "RemediatorRole": {
        "security-groups": {"s3:PutObject"},
        "evaluations": {"s3:PutObject", "s3:DeleteObject"},
        "owed": {"s3:PutObject", "s3:GetObject", "s3:DeleteObject"},
        "holds": {"s3:GetObject", "s3:DeleteObject"},
    },
    "RestorerRole": {
        "security-groups": {"s3:GetObject"},
        "restores": {"s3:GetObject", "s3:PutObject"},
        "holds": {"s3:DeleteObject", "s3:GetObject", "s3:PutObject"},
        "owed": {"s3:DeleteObject"},
    },
    "QuarantineRole": {"network-acls": {"s3:GetObject", "s3:PutObject"}},
    "EvaluatorRole": {},
    "ReconcilerRole": {},
    "ContextRole": {},
    "FollowUpRole": {},
}
LISTED = {
    "RemediatorRole": ["evaluations/*", "holds/*", "owed/*"],
    "RestorerRole": ["holds/*", "restores/*", "security-groups/*"],
    "QuarantineRole": "network-acls/*",
}


@pytest.mark.parametrize(("name", "wanted"), OBJECTS.items())
def test_a_role_reaches_its_own_objects_of_this_account_and_region(
    template: dict[str, Any], name: str, wanted: dict[str, set[str]]
) -> None:
    found: dict[str, set[str]] = {}
    for _, statement in statements(Stack(template, Context="True").resources[name]):
        of_objects = {action for action in actions(statement) if re.fullmatch("s3:.*Object", action)}
        for target in targets(statement) if of_objects else []:
            match = re.fullmatch(r"\$\{SnapshotBucket\.Arn\}/([a-z-]+)/123456789012/eu-central-1/\*", target)
            assert match, target
            found.setdefault(match[1], set()).update(of_objects)
    assert found == wanted


@pytest.mark.parametrize(("name", "prefix"), LISTED.items())
def test_a_role_lists_its_own_prefix(stack: Stack, name: str, prefix: str) -> None:
    (statement,) = [s for _, s in statements(stack.resources[name]) if "s3:ListBucket" in actions(s)]
    assert actions(statement) == ["s3:ListBucket"]
    assert statement["Resource"] == {"Fn::GetAtt": ["SnapshotBucket", "Arn"]}
    # IfExists, since a read of a missing object may have no prefix.
    assert statement["Condition"] == {"StringLikeIfExists": {"s3:prefix": prefix}}


def test_every_function_role_may_use_the_key(template: dict[str, Any], roles: dict[str, dict[str, Any]]) -> None:
    for name in FUNCTION_ROLES:
        # DynamoDB makes the keys of its table itself.
        needed = {"kms:Decrypt"} if name in REPORTER_ROLES else {"kms:Decrypt", "kms:GenerateDataKey"}
        assert allowed(roles[name], "HasKey") == needed, name


@pytest.mark.parametrize("name", CALLS)
def test_an_earlier_key_decrypts_objects_of_the_bucket_and_nothing_else(stack: Stack, name: str) -> None:
    statement = by_sid(stack.resources[name], "ReadWhatAnEarlierKeyEncrypts")
    assert actions(statement) == ["kms:Decrypt"]
    assert targets(statement) == ["arn:aws:kms:eu-central-1:123456789012:key/*"]
    assert statement["Condition"] == {
        "StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"},
        "StringLike": {"kms:EncryptionContext:aws:s3:arn": [{"Fn::GetAtt": ["SnapshotBucket", "Arn"]}, "${SnapshotBucket.Arn}/*"]},
    }


# ---- actions match calls


def operations_in(source: str, service: str | None) -> set[str]:
    """Operations that a source calls by the crate of the SDK for `service`, or by the client for services without one."""
    by_crate = re.findall(r"\.(?:client|changes)\s*\.\s*([a-z0-9_]+)\(\)", source)
    by_target = re.findall(r'\bservice\s*\.\s*json\(\s*"[\w.]+\.(\w+)"', source)
    by_action = re.findall(r'\bservice\s*\.\s*query\(\s*"(\w+)"', source)
    by_path = re.findall(r'\bservice\s*\.\s*rest\(\s*"([\w/]+)"', source)
    return {
        *(f"{service}:{pascal(name)}" for name in by_crate),
        *(f"{service}:{name}" for name in (*by_target, *by_action)),
        *(PATHS[path] for path in by_path),
    }


def blocks(source: str, opening: re.Pattern[str]) -> Iterator[tuple[re.Match[str], str]]:
    """Matches of `opening`, which ends with an opening brace, with the text up to the closing brace."""
    for match in opening.finditer(source):
        depth, end = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(source[end], 0)
            end += 1
        yield match, source[match.end() : end]


def adapters(checkout: Path) -> dict[Path, str]:
    """Sources of the crate `aws-adapters` without their tests, but for the terminal modules, which no function calls."""
    sources = checkout / "crates" / "aws-adapters" / "src"
    of_the_terminal = set(
        re.findall(r'#\[cfg\(feature = "terminal"\)\]\s*pub mod (\w+);', (sources / "lib.rs").read_text(encoding="utf-8"))
    )
    assert of_the_terminal == {"terminal"}
    paths = [path.relative_to(sources) for path in sources.glob("**/*.rs")]
    return {
        path: (sources / path).read_text(encoding="utf-8").split("#[cfg(test)]")[0]
        for path in paths
        if of_the_terminal.isdisjoint(path.with_suffix("").parts)
    }


def service_of(path: Path, source: str) -> str | None:
    """Service that a source calls: by the name in its signatures, or by the name of its file or directory."""
    signed = re.search(r'\bsigning_name: "(\w+)"', source)
    return signed[1] if signed else SERVICES.get(path.with_suffix("").parts[0])


def calls_by_trait(checkout: Path) -> dict[str, set[str]]:
    """Operations that the implementation of each trait calls."""
    found: dict[str, set[str]] = {}
    for path, source in adapters(checkout).items():
        for implementation, body in blocks(source, re.compile(r"\bimpl (\w+) for \w+ \{")):
            found.setdefault(implementation[1], set()).update(operations_in(body, service_of(path, source)))
        if path.parts[0] in TRAITS:
            found.setdefault(TRAITS[path.parts[0]], set()).update(operations_in(source, service_of(path, source)))
    return {trait: operations for trait, operations in found.items() if operations}


def calls_of(checkout: Path, library: str, program: str) -> set[str]:
    """SDK operations that a program can call: those of the traits that its library asks of the services, and of the traits
    behind the generic types that its `main` puts together."""
    services = {checkout / library / "src" / "services.rs", checkout / program / "src" / "services.rs"}
    words = {word for path in services for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    main = set(re.findall(r"\w+", (checkout / program / "src" / "main.rs").read_text(encoding="utf-8")))
    words |= set().union(*(traits for generic, traits in traits_behind(checkout).items() if generic in main))
    return set().union(*(operations for trait, operations in calls_by_trait(checkout).items() if trait in words))


def needed(calls: set[str]) -> set[str]:
    """IAM actions that calls need."""
    return set().union(*(ACTIONS_OF_CALL.get(call, {call}) for call in calls))


def pascal(snake: str) -> str:
    return "".join(word.capitalize() for word in snake.split("_"))


def traits_behind(checkout: Path) -> dict[str, set[str]]:
    """Traits that the generic types of the crate `judgement` call for their users, by type."""
    found: dict[str, set[str]] = {}
    for path in checkout.glob("crates/judgement/src/*.rs"):
        for bounds, generic in re.findall(r"^impl<([^>]*:[^>]*)> (\w+)<", path.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(generic, set()).update(re.findall(r"\w+", bounds))
    return found


def test_every_call_of_aws_is_in_the_implementation_of_a_trait(checkout: Path) -> None:
    # A call outside a trait would escape the comparison below.
    everywhere = set().union(*(operations_in(source, service_of(path, source)) for path, source in adapters(checkout).items()))
    in_traits = set().union(*calls_by_trait(checkout).values())
    assert everywhere - OUTSIDE == in_traits != set()


def test_the_evaluator_may_do_exactly_what_it_calls(checkout: Path, roles: dict[str, dict[str, Any]]) -> None:
    assert allowed(roles["EvaluatorRole"]) - PLATFORM == needed(calls_of(checkout, "rule-evaluator", "rule-evaluator"))


@pytest.mark.parametrize(("role", "calls"), CALLS.items())
def test_a_role_allows_exactly_what_its_function_calls(roles: dict[str, dict[str, Any]], role: str, calls: set[str]) -> None:
    assert allowed(roles[role]) - PLATFORM == needed(calls)


def test_the_remediator_uses_one_table(roles: dict[str, dict[str, Any]]) -> None:
    statement = by_sid(roles["RemediatorRole"], "CountClosingsAndRememberThoseThatWait")
    assert {f"dynamodb:{call}Item" for call in ("Delete", "Get", "Put", "Update")} | {"dynamodb:Query"} == set(actions(statement))
    assert targets(statement) == [{"Fn::GetAtt": ["StateTable", "Arn"]}]


def test_the_functions_of_the_remediator_call_together_what_its_code_calls(checkout: Path) -> None:
    assert set().union(*CALLS.values()) == calls_of(checkout, "crates/remediation", "remediator"), "see CALLS and SERVICES"


def test_the_reconciler_may_do_exactly_what_it_calls(checkout: Path, roles: dict[str, dict[str, Any]]) -> None:
    assert allowed(roles["ReconcilerRole"]) - PLATFORM == RECONCILER
    source = (checkout / "reporter" / "src" / "account_sweep" / "mod.rs").read_text(encoding="utf-8")
    bounds = re.search(r"^impl<C: (.*), E: (.*), T: (.*)> AccountSweep<C, E, T> \{", source, re.MULTILINE)
    assert bounds
    traits = {name for bound in bounds.groups() for name in bound.split(" + ")}
    calls = set().union(*(calls_by_trait(checkout)[trait] for trait in traits))
    # The same traits write exceptions, which is not the reconciler's duty.
    writes = {"config:DeleteRemediationExceptions", "config:PutRemediationExceptions"}
    assert calls - RECONCILER == writes
    assert not any(call in source for call in ("put_remediation_exception", "delete_remediation_exception"))


def test_the_follow_up_may_do_exactly_what_it_calls(checkout: Path, roles: dict[str, dict[str, Any]]) -> None:
    role = roles["FollowUpRole"]
    assert allowed(role) - PLATFORM == {"dynamodb:Query", "iam:PassRole", "ssm:StartAutomationExecution"}
    source = (checkout / "reporter" / "src" / "follow_up.rs").read_text(encoding="utf-8")
    assert re.search(r"^impl<A: Automations, T: StateTable> FollowUp<A, T> \{", source, re.MULTILINE)
    # The same traits ask for executions, and write items.
    assert not any(call in source for call in ("execution_state", "put_item"))
    assert by_sid(role, "ReadWhatWaits")["Resource"] == {"Fn::GetAtt": ["StateTable", "Arn"]}
    assert by_sid(role, "PassTheRoleOfClosings")["Resource"] == {"Fn::GetAtt": ["AutomationRole", "Arn"]}
    for resource in by_sid(role, "StartClosings")["Resource"]:
        assert "${CloseDocument}" in resource["Fn::Sub"]


def test_the_context_is_looked_up_by_exactly_what_is_called(checkout: Path, roles: dict[str, dict[str, Any]]) -> None:
    assert allowed(roles["ContextRole"]) - (PLATFORM - CONTEXT) == CONTEXT | POLLER
    source = (checkout / "reporter" / "src" / "context" / "mod.rs").read_text(encoding="utf-8")
    bounds = re.search(r"^impl<(.*)> ContextFinder<S, E, T, Q> \{", source, re.MULTILINE)
    assert bounds
    calls = set().union(*(calls_by_trait(checkout)[bound.split(": ")[1]] for bound in bounds[1].split(", ")))
    assert {call.removesuffix("Batch") for call in calls} == CONTEXT


def test_the_reconciler_reads_its_own_rule_and_its_own_table(roles: dict[str, dict[str, Any]]) -> None:
    assert by_sid(roles["ReconcilerRole"], "ReadResults")["Resource"] == {"Fn::GetAtt": ["ConfigRule", "Arn"]}
    assert by_sid(roles["ReconcilerRole"], "RememberGroups")["Resource"] == {"Fn::GetAtt": ["StateTable", "Arn"]}
