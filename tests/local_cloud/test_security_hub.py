"""Security Hub takes what AWS takes, from whom AWS takes it."""

import pytest
from botocore.exceptions import ClientError
from identities import ACCOUNT, code, key_of_user, statement


def product(region: str) -> str:
    return f"arn:aws:securityhub:{region}:{ACCOUNT}:product/{ACCOUNT}/default"


def finding(cloud, **fields) -> dict:
    return {
        "SchemaVersion": "2018-10-08",
        "Id": "one",
        "ProductArn": product(cloud.endpoints["region"]),
        "GeneratorId": "portcullis",
        "AwsAccountId": ACCOUNT,
        "Types": ["Software and Configuration Checks"],
        "CreatedAt": "2026-11-30T08:00:00Z",
        "UpdatedAt": "2026-11-30T08:00:00Z",
        "Severity": {"Label": "HIGH"},
        "Title": "open",
        "Description": "open",
        "Resources": [{"Type": "AwsEc2SecurityGroup", "Id": "arn:aws:ec2:eu-west-1:123456789012:security-group/sg-1"}],
        **fields,
    }


def test_a_hub_that_is_not_enabled_takes_nothing(fresh):
    hub = fresh.client("securityhub")
    with pytest.raises(ClientError, match="not subscribed"):
        hub.batch_import_findings(Findings=[finding(fresh)])


def test_an_import_leaves_what_people_wrote_alone(fresh):
    hub = fresh.client("securityhub")
    hub.enable_security_hub()
    first = hub.batch_import_findings(Findings=[finding(fresh, Workflow={"Status": "NOTIFIED"})])
    assert (first["SuccessCount"], first["FailedCount"]) == (1, 0)
    hub.batch_import_findings(Findings=[finding(fresh, Title="closed", Workflow={"Status": "RESOLVED"})])
    (stored,) = hub.get_findings()["Findings"]
    assert (stored["Title"], stored["Workflow"]) == ("closed", {"Status": "NOTIFIED"})


def test_a_finding_of_another_account_or_product_fails_alone(fresh):
    hub = fresh.client("securityhub")
    hub.enable_security_hub()
    others = [
        finding(fresh, Id="two", AwsAccountId="210987654321"),
        finding(fresh, Id="three", ProductArn="arn:aws:securityhub:::product/a/b"),
    ]
    reply = hub.batch_import_findings(Findings=[finding(fresh), *others])
    assert reply["SuccessCount"] == 1
    assert [(one["Id"], one["ErrorCode"]) for one in reply["FailedFindings"]] == [("two", "AccessDenied"), ("three", "InvalidInput")]


def test_what_the_service_model_forbids_is_refused_whole(fresh):
    hub = fresh.client("securityhub", parameter_validation=False)
    hub.enable_security_hub()
    broken = finding(fresh)
    del broken["Title"]
    with pytest.raises(ClientError, match="title"):
        hub.batch_import_findings(Findings=[broken])
    assert hub.get_findings()["Findings"] == []


def test_an_import_needs_its_permission_on_the_product(fresh):
    resource = product(fresh.endpoints["region"])
    fresh.client("securityhub").enable_security_hub()

    def client(name: str, resource: str):
        key = key_of_user(fresh, name, statement("Allow", "securityhub:BatchImportFindings", resource))
        return fresh.client("securityhub", key)

    assert client("ours", resource).batch_import_findings(Findings=[finding(fresh)])["SuccessCount"] == 1
    with pytest.raises(ClientError) as caught:
        client("theirs", resource.replace(ACCOUNT, "210987654321")).batch_import_findings(Findings=[finding(fresh)])
    assert code(caught) in {"AccessDenied", "AccessDeniedException"}
