"""The template as plain data, for all tests of this directory."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from rendering import Stack, TemplateLoader

CHECKOUT = Path(__file__).parents[2]
TEMPLATE = CHECKOUT / "cloudformation" / "portcullis.yaml"


@pytest.fixture(scope="session")
def checkout() -> Path:
    """Root of the checkout."""
    return CHECKOUT


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """The template, with long forms of the intrinsic functions."""
    return yaml.load(TEMPLATE.read_text(encoding="utf-8"), TemplateLoader)


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Properties of the resources, by logical id."""
    return {name: resource.get("Properties", {}) for name, resource in template["Resources"].items()}


@pytest.fixture(scope="session")
def stack(template: dict[str, Any]) -> Stack:
    """The template with the default of every parameter."""
    return Stack(template)


@pytest.fixture(scope="session")
def document(stack: Stack) -> dict[str, Any]:
    """Content of the SSM document that closes a group."""
    return stack.resources["CloseDocument"]["Content"]


@pytest.fixture(scope="session")
def steps(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Steps of that document, by name."""
    return {step["name"]: step for step in document["mainSteps"]}
