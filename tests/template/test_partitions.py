"""Partitions and regions: every list of them in the repository agrees with that of AWS's own tools."""

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from cfnlint.helpers import REGIONS
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from rendering import Stack
from test_parameters import accepts, holds

sys.path.insert(0, str(Path(__file__).parents[1] / "repository"))

from repository_files import CHECKOUT, paths

LOADER = botocore.session.get_session().get_component("data_loader")
PARTITIONS = {partition["id"]: partition for partition in LOADER.load_data("partitions")["partitions"]}
# Region and partition, as far as botocore knows them.
PLACES = [
    (region, name)
    for name, partition in PARTITIONS.items()
    for region in partition["regions"]
    if re.match(partition["regionRegex"], region)
]
NO_REMEDIATION = ["ap-east-2", "ap-southeast-6", "ap-southeast-7", "mx-central-1"]


def test_the_places_are_found() -> None:
    assert {"aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"} == PARTITIONS.keys()
    assert {name for _, name in PLACES} == PARTITIONS.keys()
    assert {("eusc-de-east-1", "aws-eusc"), ("us-isob-east-1", "aws-iso-b")} <= set(PLACES)


# ---- partitions


@cache
def prefixes() -> dict[str, str]:
    """Prefixes of region names and their partitions, of the crate `findings`."""
    source = (CHECKOUT / "crates" / "findings" / "src" / "partition.rs").read_text(encoding="utf-8")
    return dict(re.findall(r'^    \("([a-z-]+-)", "(aws-[a-z-]+)"\),$', source, re.MULTILINE))


@pytest.mark.parametrize(("region", "partition"), PLACES)
def test_the_reports_know_the_partition_of_every_region(region: str, partition: str) -> None:
    found = [name for prefix, name in prefixes().items() if region.startswith(prefix)]
    assert found == ([] if partition == "aws" else [partition])


def test_the_template_and_the_reports_know_the_same_partitions(template: dict[str, Any]) -> None:
    assert template["Mappings"]["Partition"].keys() == PARTITIONS.keys() == {"aws", *prefixes().values()}


def test_the_template_and_the_messages_know_the_same_consoles(template: dict[str, Any]) -> None:
    source = (CHECKOUT / "crates" / "findings" / "src" / "partition.rs").read_text(encoding="utf-8")
    hosts = dict(re.findall(r'^    \("(aws-[a-z-]+)", "(console\.[a-z0-9.-]+)"\),$', source, re.MULTILINE))
    mapped = {name: values["Console"] for name, values in template["Mappings"]["Partition"].items()}
    assert {"aws": "console.aws.amazon.com"} | hosts == mapped


def test_no_other_file_lists_partitions() -> None:
    # A list that no test compares would drift. A partition that only stands for another value is no list.
    known = {
        "cloudformation/portcullis.source.yaml",
        "cloudformation/portcullis.yaml",
        "crates/findings/src/partition.rs",
        # The three partitions that ASFF's format knows.
        "crates/findings/src/asff/mod.rs",
    }
    listing = set()
    for path in paths():
        if re.search(r"(^|/)tests?/|tests\.rs$|\.md$", path) or not (CHECKOUT / path).is_file():
            continue
        text = (CHECKOUT / path).read_bytes().decode("utf-8", "replace")
        if len(set(re.findall(r"\baws-(?:cn|us-gov|eusc|iso(?:-[bef])?)\b", text))) > 1:
            listing.add(path)
    assert listing == known


def sign_in_domains() -> dict[str, str]:
    """Domain of the sign-in page of each partition, from the endpoint rules of botocore."""
    text = json.dumps(LOADER.load_service_model("signin", "endpoint-rule-set-1"))
    domains = dict.fromkeys(PARTITIONS, "")
    for name in PARTITIONS:
        found = re.search(rf'"{name}"\]\}}\].{{0,80}}?"url": "https://{{Region}}\.signin\.([^"{{]+)"', text)
        assert found, name
        domains[name] = found[1]
    return domains


def test_the_console_has_the_domain_of_the_sign_in_page(template: dict[str, Any]) -> None:
    hosts = {name: entry["Console"] for name, entry in template["Mappings"]["Partition"].items()}
    assert hosts == {name: f"console.{domain}" for name, domain in sign_in_domains().items()}


@pytest.mark.parametrize(("region", "partition"), PLACES)
def test_the_stack_renders_in_every_region(template: dict[str, Any], region: str, partition: str) -> None:
    stack = Stack(template, region=region, partition=partition)
    outputs = {name: stack.render(output["Value"]) for name, output in template["Outputs"].items()}
    console = template["Mappings"]["Partition"][partition]["Console"]
    assert outputs["ConfigRuleConsole"].startswith(f"https://{region}.{console}/config/home?region={region}#")
    text = json.dumps(stack.resources, default=str)
    assert set(re.findall(r"arn:(aws[a-z-]*):", text)) == {partition}


ARNS = {
    "Approvers": "arn:{partition}:iam::123456789012:role/path/approver",
    "ApprovalTopicArn": "arn:{partition}:sns:{region}:123456789012:Automation-approvals",
    "Layers": "arn:{partition}:lambda:{region}:123456789012:layer:extension:3",
    "LambdaRoleArn": "arn:{partition}:iam::123456789012:role/evaluator",
    "CliRoleArn": "arn:{partition}:iam::123456789012:role/firefighter",
    "BoundaryPolicyArn": "arn:{partition}:iam::123456789012:policy/boundary",
    "KmsKeyArn": "arn:{partition}:kms:{region}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "AlarmTopicArn": "arn:{partition}:sns:{region}:123456789012:alarms",
    "EventBusName": "arn:{partition}:events:{region}:210987654321:event-bus/security",
}


def test_every_parameter_with_an_arn_is_in_the_table(template: dict[str, Any]) -> None:
    assert {name for name, parameter in template["Parameters"].items() if "arn:" in parameter.get("AllowedPattern", "")} == ARNS.keys()


@pytest.mark.parametrize(("region", "partition"), PLACES)
def test_arns_of_every_region_are_accepted(template: dict[str, Any], region: str, partition: str) -> None:
    for name, arn in ARNS.items():
        assert accepts(template, name, arn.format(region=region, partition=partition)), name


@pytest.mark.parametrize("partition", sorted(PARTITIONS))
def test_the_documents_accept_roles_of_every_partition(stack: Stack, partition: str) -> None:
    for name in ("CloseDocument", "RestoreDocument", "QuarantineDocument"):
        pattern = stack.resources[name]["Content"]["parameters"]["AutomationAssumeRole"]["allowedPattern"]
        assert re.fullmatch(pattern, f"arn:{partition}:iam::123456789012:role/automation"), name


# ---- regions without remediation


def types(template: dict[str, Any], region: str) -> set[str]:
    """Resource types of a stack in a region."""
    stack = Stack(template, region=region)
    return {template["Resources"][name]["Type"] for name in stack.resources}


@pytest.mark.parametrize("region", REGIONS)
def test_a_stack_has_no_resource_that_its_region_lacks(template: dict[str, Any], region: str) -> None:
    assert types(template, region) <= set(PROVIDER_SCHEMA_MANAGER.get_resource_types(region))


@pytest.mark.parametrize("region", REGIONS)
def test_only_regions_that_lack_remediation_have_none(template: dict[str, Any], region: str) -> None:
    kind = "AWS::Config::RemediationConfiguration"
    assert (
        (kind in types(template, region)) is (kind in PROVIDER_SCHEMA_MANAGER.get_resource_types(region)) is (region not in NO_REMEDIATION)
    )


@pytest.mark.parametrize("mode", ["True", "False"])
@pytest.mark.parametrize("region", [*NO_REMEDIATION, "eu-central-1", "eusc-de-east-1"])
def test_automatic_mode_is_refused_where_it_would_do_nothing(template: dict[str, Any], region: str, mode: str) -> None:
    rule = template["Rules"]["AutomaticModeIsAvailable"]
    (assertion,) = rule["Assertions"]
    values = {"RemediationMode": mode, "AWS::Region": region}
    refused = holds(rule["RuleCondition"], values) and not holds(assertion["Assert"], values)
    assert refused is (mode == "True" and region in NO_REMEDIATION)
    assert "Set RemediationMode to False" in assertion["AssertDescription"]
