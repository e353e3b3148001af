"""The ASFF report against the model of AWS Security Hub, as the AWS CLI checks it, and against the limits that it has in words only."""

import json
import os
import re
import subprocess
from pathlib import Path

import botocore.session
import pytest
from botocore.validate import ParamValidator

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def findings() -> list[dict]:
    """The report on the groups that the tests have; some have no account, and are an error that leaves the others."""
    built = os.environ.get("REPORT_EXAMPLE")
    program = [built] if built else ["cargo", "run", "--quiet", "--locked", "--package", "reports", "--example", "report", "--"]
    written = subprocess.run([*program, "asff"], cwd=CHECKOUT, check=False, capture_output=True, text=True)
    assert "NoAccountOrRegion" in written.stderr
    return json.loads(written.stdout)


@pytest.fixture(scope="module")
def request_shape():
    """What BatchImportFindings takes."""
    return botocore.session.get_session().get_service_model("securityhub").operation_model("BatchImportFindings").input_shape


def violations(shape, value, path="Findings") -> list[str]:
    """What the CLI leaves to the service: members that do not exist, enumerations and patterns."""
    if shape.type_name == "structure":
        unknown = [f"{path}: no member {name}" for name in value.keys() - shape.members.keys()]
        known = ((name, shape.members[name]) for name in value.keys() & shape.members.keys())
        return unknown + [found for name, member in known for found in violations(member, value[name], f"{path}.{name}")]
    if shape.type_name == "list":
        return [found for number, item in enumerate(value) for found in violations(shape.member, item, f"{path}[{number}]")]
    if shape.type_name == "map":
        return [found for name, item in value.items() for found in violations(shape.value, item, f"{path}.{name}")]
    if shape.type_name == "string":
        if shape.enum and value not in shape.enum:
            return [f"{path}: {value} is none of {shape.enum}"]
        pattern = shape.metadata.get("pattern")
        return [] if not pattern or re.search(pattern, value) else [f"{path}: {value!r} does not match {pattern}"]
    return []


def test_security_hub_takes_it(findings, request_shape):
    assert len(findings) == 7
    errors = ParamValidator().validate({"Findings": findings}, request_shape)
    assert not errors.has_errors(), errors.generate_report()
    assert violations(request_shape.members["Findings"], findings) == []


def test_the_check_finds_what_is_wrong(findings, request_shape):
    wrong = [{**findings[0], "Title": " ", "Compliance": {"Status": "OPEN"}, "Unheard": 1}]
    assert len(violations(request_shape.members["Findings"], wrong)) == 3


def test_texts_are_as_short_as_the_reference_has_them(findings):
    for finding in findings:
        assert len(finding["Id"]) <= 512
        assert len(finding["Title"]) <= 256
        assert len(finding["Description"]) <= 1024
        assert len(finding.get("Remediation", {}).get("Recommendation", {}).get("Text", "")) <= 512
        assert len(finding.get("ProductFields", {})) <= 50
        assert len(json.dumps(finding)) <= 240 * 1024


def test_ids_are_unique_and_in_the_product_of_the_account(findings):
    assert len({finding["Id"] for finding in findings}) == len(findings)
    for finding in findings:
        region, account = finding["Resources"][0]["Region"], finding["AwsAccountId"]
        assert finding["ProductArn"] == f"arn:aws:securityhub:{region}:{account}:product/{account}/default"
