"""Renders the template for given parameters as CloudFormation does: evaluates conditions and intrinsic functions."""

import re
from pathlib import Path
from typing import Any

import yaml

PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::Region": "eu-central-1",
    "AWS::StackName": "portcullis",
}
# Removes the property or the list member that has this value.
NO_VALUE = object()

Properties = dict[str, Any]


class TemplateLoader(yaml.SafeLoader):
    """Reads the short forms of the intrinsic functions (`!Ref x`) as the long ones (`{"Ref": x}`)."""


def intrinsic(loader: TemplateLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    """The long form of one short form."""
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


TemplateLoader.add_multi_constructor("!", intrinsic)


class Stack:
    """The template with parameters: resources by logical id, except those whose condition is false.

    References to resources stay, since no resource exists: `{"Ref": "X"}`, `{"Fn::GetAtt": ["X", "Arn"]}`, and
    `${X}` or `${X.Arn}` in a text.
    """

    def __init__(self, template: dict[str, Any], region: str = PSEUDO["AWS::Region"], partition: str = "aws", **parameters: str):
        definitions = template["Parameters"]
        assert parameters.keys() <= definitions.keys()
        self.template = template
        self.values: dict[str, Any] = PSEUDO | {"AWS::Region": region, "AWS::Partition": partition}
        for name, definition in definitions.items():
            value = str(parameters.get(name, definition.get("Default", f"a-{name.lower()}")))
            is_list = definition["Type"] == "CommaDelimitedList"
            self.values[name] = [member.strip() for member in value.split(",")] if is_list else value
        self.resources: dict[str, Properties] = {
            name: self.render(resource.get("Properties", {}))
            for name, resource in template["Resources"].items()
            if "Condition" not in resource or self.holds(resource["Condition"])
        }

    def holds(self, condition: str) -> bool:
        """True if a condition of the template holds."""
        return bool(self.render(self.template["Conditions"][condition]))

    def render(self, node: Any) -> Any:
        """A node of the template without intrinsic functions."""
        match node:
            case {"Ref": "AWS::NoValue"}:
                return NO_VALUE
            case {"Ref": name}:
                return self.values.get(name, node)
            case {"Condition": str(name), **rest} if not rest:
                return self.holds(name)
            case {"Fn::If": [condition, then, otherwise]}:
                return self.render(then if self.holds(condition) else otherwise)
            case {"Fn::Equals": [left, right]}:
                return self.render(left) == self.render(right)
            case {"Fn::Not": [inner]}:
                return not self.render(inner)
            case {"Fn::And": inner}:
                return all(map(self.render, inner))
            case {"Fn::Or": inner}:
                return any(map(self.render, inner))
            case {"Fn::Select": [index, members]}:
                return self.render(members)[int(index)]
            case {"Fn::Join": [separator, members]}:
                return separator.join(self.render(members))
            case {"Fn::Split": [separator, text]}:
                return self.render(text).split(separator)
            case {"Fn::FindInMap": [name, *keys]}:
                value = self.template["Mappings"][name]
                for key in keys:
                    value = value[self.render(key)]
                return value
            case {"Fn::Sub": [text, variables]}:
                return self.substitute(text, {name: self.render(value) for name, value in variables.items()})
            case {"Fn::Sub": text}:
                return self.substitute(text, {})
            case dict():
                rendered = {key: self.render(value) for key, value in node.items()}
                return {key: value for key, value in rendered.items() if value is not NO_VALUE}
            case list():
                return [value for value in map(self.render, node) if value is not NO_VALUE]
        return node

    def substitute(self, text: str, variables: dict[str, str]) -> str:
        """Result of `Fn::Sub`. A name that is no value must be a resource."""
        known = self.values | variables

        def one(match: re.Match[str]) -> str:
            name = match[1]
            assert name in known or name.split(".")[0] in self.template["Resources"], name
            return known.get(name, match[0])

        return re.sub(r"\$\{([^!}]+)\}", one, text)


def variables_of(checkout: Path, functions: tuple[str, ...], *adapters: str) -> set[str]:
    """Variables that the reporter reads for a duty: in functions of its `main`, and in these adapters. Lambda sets the region."""
    main = (checkout / "reporter" / "src" / "main.rs").read_text(encoding="utf-8")
    bodies = [body for name in functions for body in re.findall(rf"^(?:async )?fn {name}\(.*?^\}}", main, re.MULTILINE | re.DOTALL)]
    assert len(bodies) == len(functions)
    sources = [(checkout / "crates" / "aws-adapters" / "src" / name).read_text(encoding="utf-8") for name in adapters]
    return {"DUTY", *re.findall(r'(?:env::var|required|variable)\("(\w+)"\)', "".join([*bodies, *sources]))} - {"AWS_REGION"}
