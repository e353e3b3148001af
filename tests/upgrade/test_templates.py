"""Templates of earlier versions beside that of the checkout: an update in place is possible, and replaces nothing that holds state."""

import json
import pathlib
import re
import sys
from typing import Any

import pytest
import yaml
from versions import CURRENT, HERE, VERSIONS, label

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "template"))

from rendering import Stack, TemplateLoader

FILES = sorted(file for version in VERSIONS for file in (HERE / version / "parameters").glob("*.json"))
# Types that hold state, and their properties that CloudFormation can change only by replacing the resource.
STATEFUL = {
    "AWS::S3::Bucket": ["BucketName", "ObjectLockEnabled"],
    "AWS::S3::BucketPolicy": ["Bucket"],
    "AWS::Logs::LogGroup": ["LogGroupName"],
    "AWS::SQS::Queue": ["QueueName", "FifoQueue"],
    "AWS::DynamoDB::Table": ["TableName", "KeySchema"],
}


def read(file: pathlib.Path) -> dict[str, Any]:
    return yaml.load(file.read_text(encoding="utf-8"), TemplateLoader)


@pytest.fixture(scope="module")
def current() -> dict[str, Any]:
    return read(CURRENT / "portcullis.yaml")


@pytest.fixture(scope="module", params=VERSIONS)
def old(request) -> dict[str, Any]:
    return read(HERE / request.param / "portcullis.yaml")


def accepts(definition: dict[str, Any], value: str) -> bool:
    """Whether CloudFormation takes a value for a parameter."""
    members = [member.strip() for member in value.split(",")] if definition["Type"] == "CommaDelimitedList" else [value]
    if definition["Type"] == "Number":
        return float(definition.get("MinValue", value)) <= float(value) <= float(definition.get("MaxValue", value))
    # The only syntax in the patterns that Java has and Python does not: a flag within the expression.
    pattern = re.sub(r"\(\?i:", "(?i:", definition.get("AllowedPattern", "[\\s\\S]*"))
    return all(
        re.search(pattern, member) is not None
        and (member in map(str, definition.get("AllowedValues", [member])))
        and len(member) <= int(definition.get("MaxLength", len(member)))
        for member in members
    )


def test_every_parameter_still_exists_with_a_type_that_takes_its_values(old, current):
    # The value of a list is text with commas, and stays what it is.
    as_text = {"CommaDelimitedList": "String"}
    for name, definition in old["Parameters"].items():
        assert current["Parameters"][name]["Type"] in (definition["Type"], as_text.get(definition["Type"])), name


def test_every_default_is_still_one_that_is_accepted(old, current):
    for name, definition in old["Parameters"].items():
        assert ("Default" in current["Parameters"][name]) == ("Default" in definition), name
        if "Default" in definition:
            assert accepts(current["Parameters"][name], str(definition["Default"])), name


def test_a_new_parameter_has_a_default(old, current):
    new = current["Parameters"].keys() - old["Parameters"].keys()
    assert {name for name in new if "Default" not in current["Parameters"][name]} == set()


@pytest.mark.parametrize("file", FILES, ids=label)
def test_the_values_of_a_parameter_file_are_still_accepted(current, file: pathlib.Path):
    values = json.loads(file.read_text(encoding="utf-8"))["Parameters"]
    assert {name for name, value in values.items() if not accepts(current["Parameters"][name], str(value))} == set()


def test_the_mode_is_that_of_the_parameter(old, current):
    def automatic(template: dict[str, Any], **parameters: str) -> list[bool]:
        resources = Stack(template, **parameters).resources
        kinds = {name: resource["Type"] for name, resource in template["Resources"].items()}
        return [resources[name]["Automatic"] for name in resources if kinds[name] == "AWS::Config::RemediationConfiguration"]

    assert automatic(current) == automatic(old) == [False]
    for mode in ("True", "False"):
        assert automatic(current, RemediationMode=mode) == automatic(old, RemediationMode=mode) == [mode == "True"]


def test_what_holds_state_keeps_its_logical_id_and_is_not_replaced(old, current):
    stateful = {name: resource for name, resource in old["Resources"].items() if resource["Type"] in STATEFUL}
    assert len(stateful) > 3
    for name, resource in stateful.items():
        now = current["Resources"].get(name, {})
        assert now.get("Type") == resource["Type"], name
        for policy in ("DeletionPolicy", "UpdateReplacePolicy", "Condition"):
            assert now.get(policy) == resource.get(policy), (name, policy)
        for property_name in STATEFUL[resource["Type"]]:
            # CloudFormation replaces it as soon as the text differs.
            assert now["Properties"].get(property_name) == resource["Properties"].get(property_name), (name, property_name)


def test_the_rule_is_not_replaced(old, current):
    """A new rule would lose results, exceptions, and remediations in progress."""
    assert (
        current["Resources"]["ConfigRule"]["Properties"]["ConfigRuleName"] == old["Resources"]["ConfigRule"]["Properties"]["ConfigRuleName"]
    )


def test_every_output_still_exists(old, current):
    assert old["Outputs"].keys() - current["Outputs"].keys() == set()
