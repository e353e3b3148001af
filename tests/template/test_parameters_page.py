"""docs/parameters.md: one row for each parameter of the template, in the order of the form, with its default."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from rendering import TemplateLoader

CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "docs" / "parameters.md"


def rows(heading: str) -> list[list[str]]:
    """Cells of the table below a heading, without its titles."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return lines[1:]


@pytest.fixture(scope="module")
def parameters() -> dict[str, tuple[str, str]]:
    """Default and meaning of the parameters on the page."""
    found = rows("Parameters of the stack")
    assert len({name for name, *_ in found}) == len(found), "a parameter has two rows"
    return {name.strip("`"): (default, meaning) for name, default, meaning in found}


def test_the_page_has_every_parameter_in_the_order_of_the_form(template: dict[str, Any], parameters: dict[str, tuple[str, str]]) -> None:
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert list(parameters) == [name for group in groups for name in group["Parameters"]]
    assert parameters.keys() == template["Parameters"].keys()


def shown(parameter: dict[str, Any]) -> str:
    """The default of a parameter, as the page has it."""
    if "Default" not in parameter:
        return "required"
    default = str(parameter["Default"])
    # A sentence does not fit into the column.
    return "none" if not default else "a sentence" if len(default) > 40 else f"`{default}`"


def test_the_page_has_the_defaults_of_the_template(template: dict[str, Any], parameters: dict[str, tuple[str, str]]) -> None:
    assert {name: default for name, (default, _) in parameters.items()} == {
        name: shown(parameter) for name, parameter in template["Parameters"].items()
    }


def test_the_page_has_the_values_that_the_template_allows(template: dict[str, Any], parameters: dict[str, tuple[str, str]]) -> None:
    """Where these are few words."""
    for name in ("SourceScope", "RemediationMode", "RemediationStrategy"):
        default, meaning = parameters[name]
        missing = [value for value in template["Parameters"][name]["AllowedValues"] if f"`{value}`" not in default + meaning]
        assert missing == [], name


@pytest.mark.parametrize("stack", ["findings", "responder"])
def test_the_page_has_the_parameters_that_another_stack_does_not_share(template: dict[str, Any], stack: str) -> None:
    path = CHECKOUT / "cloudformation" / f"{stack}.yaml"
    parameters = yaml.load(path.read_text(encoding="utf-8"), TemplateLoader)["Parameters"]
    own = parameters.keys() - template["Parameters"].keys()
    found = {name.strip("`"): default for name, default, _ in rows(f"Parameters of the {stack}")}
    assert found == {name: shown(parameters[name]) for name in own}


def test_the_page_has_the_rule_parameters_that_the_template_accepts(template: dict[str, Any]) -> None:
    pattern = template["Parameters"]["SourceInputParameters"]["AllowedPattern"]
    keys = [name.strip("`") for name, *_ in rows("Rule parameters")]
    assert keys[-1] == "blockedPort1` … `blockedPort5"
    assert [key for key in keys[:-1] if key not in pattern] == []
    assert {"FocusOnPorts", "SourceScope", "AuthorizedCidrs", "ExemptionsParameter", "ExemptionTagKey"} == set(keys[:-1])
