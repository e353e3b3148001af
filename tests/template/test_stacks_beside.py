"""What the stacks beside the one that closes share with it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendering import TemplateLoader

# Parameters that both have, and that scripts/deploy gives to each by itself.
CODE = {"CodeBucket", "ReporterKey", "Architecture"}
ANOTHER_ACCOUNT = "arn:aws:events:eu-west-1:123456789012:event-bus/security"


@pytest.fixture(scope="module", params=["findings", "responder"])
def beside(request: pytest.FixtureRequest, checkout: Path) -> dict[str, Any]:
    """The template of such a stack."""
    text = (checkout / "cloudformation" / f"{request.param}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, TemplateLoader)


def test_what_the_stacks_ask_for_is_the_same_in_both(beside: dict[str, Any], template: dict[str, Any], checkout: Path) -> None:
    shared = beside["Parameters"].keys() & template["Parameters"].keys()
    for name in shared - {"EventBusName"}:
        ours, theirs = dict(beside["Parameters"][name]), dict(template["Parameters"][name])
        # A stack beside it has one zip, and other resources to describe.
        for one in (ours, theirs):
            one.pop("Description")
        assert ours == theirs, name
    # It needs a bus of its own account.
    ours, theirs = beside["Parameters"]["EventBusName"], template["Parameters"]["EventBusName"]
    assert ours["Default"] == theirs["Default"]
    assert re.fullmatch(ours["AllowedPattern"], "default")
    assert not re.fullmatch(ours["AllowedPattern"], ANOTHER_ACCOUNT)
    assert re.fullmatch(theirs["AllowedPattern"], ANOTHER_ACCOUNT)
    # scripts/deploy keeps them the same.
    names = re.search(r"for name in (RuleName .*); do", (checkout / "scripts" / "deploy").read_text(encoding="utf-8"))
    assert names
    assert set(names[1].split()) == shared - CODE


def test_every_parameter_has_a_label_and_a_group(beside: dict[str, Any]) -> None:
    interface = beside["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(beside["Parameters"]) == sorted(interface["ParameterLabels"])
