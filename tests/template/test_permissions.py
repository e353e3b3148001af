"""Roles: what they may do is what their function calls, and nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cfnlint
import pytest

Statement = dict[str, Any]

# What Lambda itself does in the name of the role, by the part of the template that makes it do so.
PLATFORM = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:SendMessage",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}

ROLES = {"EvaluatorRole": "rule-evaluator", "RemediatorRole": "remediator"}


def statements(role: dict[str, Any]) -> Iterator[tuple[str | None, Statement]]:
    """Statements of a role, each with the condition that it depends on."""
    for policy in role["Policies"]:
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


def allowed(role: dict[str, Any]) -> set[str]:
    """Everything that a role allows under any condition."""
    return {action for _, statement in statements(role) if statement["Effect"] == "Allow" for action in actions(statement)}


@pytest.fixture(scope="session")
def roles(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Properties of the roles."""
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == "AWS::IAM::Role"}


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """The service authorization reference, as cfn-lint carries it."""
    path = Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "Policies.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_there_are_three_roles_and_no_managed_policies(roles: dict[str, dict[str, Any]]) -> None:
    assert roles.keys() == {"EvaluatorRole", "RemediatorRole", "AutomationRole"}
    for name, role in roles.items():
        assert "ManagedPolicyArns" not in role, name
        assert role["PermissionsBoundary"]["Fn::If"][0] == "HasBoundary", name


def test_actions_exist_and_have_no_wildcards(roles: dict[str, dict[str, Any]], reference: dict[str, Any]) -> None:
    for name, role in roles.items():
        for _, statement in statements(role):
            assert "NotAction" not in statement
            for action in actions(statement):
                service, operation = action.split(":")
                assert operation.lower() in map(str.lower, reference[service]["Actions"]), f"{name}: {action}"


def test_every_resource_is_only_where_the_action_has_no_resource_level(roles: dict[str, dict[str, Any]], reference: dict[str, Any]) -> None:
    for name, role in roles.items():
        for condition, statement in statements(role):
            # Lambda checks the permissions of a VPC function without naming a resource.
            if statement["Resource"] != "*" or condition == "InVpc":
                continue
            for action in actions(statement):
                service, operation = action.split(":")
                levels = {key.lower(): value for key, value in reference[service]["Actions"].items()}[operation.lower()]
                assert not levels.get("Resources"), f"{name}: {action} has the resource level {levels['Resources']}"


def test_statements_say_what_they_are_for(roles: dict[str, dict[str, Any]]) -> None:
    for name, role in roles.items():
        sids = [statement["Sid"] for _, statement in statements(role)]
        assert len(sids) == len(set(sids)), name


def test_network_permissions_exist_only_in_a_vpc_and_not_for_the_code(roles: dict[str, dict[str, Any]]) -> None:
    for name in ROLES:
        found = [(c, s) for c, s in statements(roles[name]) if "ec2:CreateNetworkInterface" in actions(s)]
        assert [(condition, statement["Effect"]) for condition, statement in found] == [("InVpc", "Allow"), ("InVpc", "Deny")]
        assert actions(found[0][1]) == actions(found[1][1])
        assert found[1][1]["Condition"]["ArnLike"].keys() == {"lambda:SourceFunctionArn"}


def test_the_automation_may_call_the_remediator_and_nothing_else(roles: dict[str, dict[str, Any]]) -> None:
    role = roles["AutomationRole"]
    ((condition, statement),) = statements(role)
    assert condition is None
    assert actions(statement) == ["lambda:InvokeFunction"]
    assert statement["Resource"] == {"Fn::GetAtt": ["RemediatorFunction", "Arn"]}
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "ssm.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert "automation-execution/*" in trust["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]


def test_the_remediator_cannot_open_anything(roles: dict[str, dict[str, Any]]) -> None:
    opening = re.compile(r":(Authorize|Modify|Create|Put|Update|Replace)", re.IGNORECASE)
    assert {action for action in allowed(roles["RemediatorRole"]) - PLATFORM if opening.search(action)} == set()


def test_the_evaluator_changes_nothing_but_evaluations(roles: dict[str, dict[str, Any]]) -> None:
    reading = re.compile(r":(Describe|Get|List)")
    assert {action for action in allowed(roles["EvaluatorRole"]) - PLATFORM if not reading.search(action)} == {"config:PutEvaluations"}


# ---- actions = calls


def blocks(source: str, opening: re.Pattern[str]) -> Iterator[tuple[re.Match[str], str]]:
    """Each match of `opening`, which ends in an opening brace, with the text up to the closing one."""
    for match in opening.finditer(source):
        depth, end = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(source[end], 0)
            end += 1
        yield match, source[match.end() : end]


def calls_by_trait(checkout: Path) -> dict[str, set[str]]:
    """IAM actions of the SDK operations that the implementation of each trait in the crate `aws` calls."""
    found: dict[str, set[str]] = {}
    for service in ("config", "ec2", "ssm"):
        for path in sorted([*checkout.glob(f"aws/src/{service}.rs"), *checkout.glob(f"aws/src/{service}/*.rs")]):
            source = path.read_text(encoding="utf-8").split("#[cfg(test)]")[0]
            for implementation, body in blocks(source, re.compile(r"\bimpl (\w+) for \w+ \{")):
                operations = re.findall(r"\.client\s*\.\s*([a-z_]+)\(\)", body)
                found.setdefault(implementation[1], set()).update(f"{service}:{pascal(operation)}" for operation in operations)
    return {trait: operations for trait, operations in found.items() if operations}


def pascal(snake: str) -> str:
    return "".join(word.capitalize() for word in snake.split("_"))


def traits_behind(checkout: Path) -> dict[str, set[str]]:
    """Traits that the generic types of the crate `aws` call in the name of their users, by type."""
    found: dict[str, set[str]] = {}
    for path in checkout.glob("aws/src/*.rs"):
        for bounds, generic in re.findall(r"^impl<([^>]*:[^>]*)> (\w+)<", path.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(generic, set()).update(re.findall(r"\w+", bounds))
    return found


def test_every_call_of_the_sdk_is_in_the_implementation_of_a_trait(checkout: Path) -> None:
    # A call outside of one would escape the comparison below.
    operation = re.compile(r"\.client\s*\.\s*([a-z_]+)\(\)")
    sources = [path.read_text(encoding="utf-8").split("#[cfg(test)]")[0] for path in checkout.glob("aws/src/**/*.rs")]
    everywhere = {pascal(name) for source in sources for name in operation.findall(source)}
    in_traits = {action.split(":")[1] for operations in calls_by_trait(checkout).values() for action in operations}
    assert everywhere == in_traits != set()


@pytest.mark.parametrize(("role", "crate"), ROLES.items())
def test_a_role_allows_exactly_what_its_function_calls(checkout: Path, roles: dict[str, dict[str, Any]], role: str, crate: str) -> None:
    sources = [path.read_text(encoding="utf-8").split("#[cfg(test)]")[0] for path in checkout.glob(f"{crate}/src/**/*.rs")]
    words = set(re.findall(r"\w+", "\n".join(sources)))
    words |= set().union(*(traits for generic, traits in traits_behind(checkout).items() if generic in words))
    called = set().union(*(operations for trait, operations in calls_by_trait(checkout).items() if trait in words))
    assert allowed(roles[role]) - PLATFORM == called
