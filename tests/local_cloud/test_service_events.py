"""AWS services put events on the default bus: the Parameter Store, Security Hub, and any service that a test names."""

import json

import pytest
from botocore.exceptions import ClientError
from identities import ACCOUNT
from test_security_hub import finding, product

PARAMETERS = {"source": ["aws.ssm"], "detail-type": ["Parameter Store Change"]}
INSPECTOR = {"source": ["aws.inspector2"], "detail-type": ["Inspector2 Finding"]}

TEMPLATE = json.dumps(
    {"Resources": {"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/made", "Type": "String", "Value": "a"}}}}
)


def test_a_parameter_that_is_put_or_deleted_is_an_event(fresh, seen) -> None:
    received = seen(PARAMETERS)
    ssm = fresh.client("ssm")
    ssm.put_parameter(Name="/portcullis/exemptions", Value="{}", Type="String", Description="who may be open")
    with pytest.raises(ClientError, match="already exists"):
        ssm.put_parameter(Name="/portcullis/exemptions", Value="[]", Type="String")
    ssm.put_parameter(Name="/portcullis/exemptions", Value="[]", Type="String", Overwrite=True)
    ssm.delete_parameter(Name="/portcullis/exemptions")
    events = received(3)
    assert [event["detail"]["operation"] for event in events] == ["Create", "Update", "Delete"]
    arn = f"arn:aws:ssm:{fresh.endpoints['region']}:{ACCOUNT}:parameter/portcullis/exemptions"
    assert [event["resources"] for event in events] == [[arn]] * 3
    said = {"name": "/portcullis/exemptions", "type": "String", "description": "who may be open"}
    assert [event["detail"] for event in events] == [{"operation": operation, **said} for operation in ("Create", "Update", "Delete")]


def test_a_value_that_is_too_large_for_its_tier_is_refused(fresh) -> None:
    ssm = fresh.client("ssm")
    for tier, most in (("Standard", 4096), ("Advanced", 8192)):
        with pytest.raises(ClientError, match=f"maximum parameter value of {most}"):
            ssm.put_parameter(Name=tier, Value="x" * (most + 1), Type="String", Tier=tier)
        ssm.put_parameter(Name=tier, Value="x" * most, Type="String", Tier=tier)
    with pytest.raises(ClientError, match="maximum parameter value"):
        ssm.put_parameter(Name="Standard", Value="x" * 4097, Type="String", Overwrite=True)
    ssm.put_parameter(Name="Advanced", Value="y" * 8192, Type="String", Overwrite=True)


def test_several_that_are_deleted_have_an_event_each(fresh, seen) -> None:
    ssm = fresh.client("ssm")
    for name in ("one", "two"):
        ssm.put_parameter(Name=name, Value="1", Type="StringList")
    fresh.settle()
    received = seen(PARAMETERS)
    ssm.delete_parameters(Names=["one", "absent", "two"])
    assert [event["detail"] for event in received(2)] == [
        {"operation": "Delete", "name": name, "type": "StringList"} for name in ("one", "two")
    ]


def test_a_parameter_of_a_stack_is_an_event(fresh, seen) -> None:
    received = seen(PARAMETERS)
    fresh.deploy("parameters", TEMPLATE)
    fresh.deploy("parameters", TEMPLATE.replace('"a"', '"b"'))
    fresh.client("cloudformation").delete_stack(StackName="parameters")
    assert [(event["detail"]["operation"], event["detail"]["name"]) for event in received(3)] == [
        ("Create", "/made"),
        ("Update", "/made"),
        ("Delete", "/made"),
    ]


def test_an_imported_finding_is_an_event_of_its_own(fresh, seen) -> None:
    received = seen({"source": ["aws.securityhub"], "detail-type": ["Security Hub Findings - Imported"]})
    hub, region = fresh.client("securityhub"), fresh.endpoints["region"]
    hub.enable_security_hub()
    foreign = finding(fresh, Id="three", AwsAccountId="210987654321")
    hub.batch_import_findings(Findings=[finding(fresh, Workflow={"Status": "NEW"}), finding(fresh, Id="two"), foreign])
    events = received(2)
    assert sorted(event["resources"] for event in events) == [[f"{product(region)}/one"], [f"{product(region)}/two"]]
    assert [len(event["detail"]["findings"]) for event in events] == [1, 1]
    # An import of a known finding leaves what the customer set.
    hub.batch_import_findings(Findings=[finding(fresh, Title="closed", Workflow={"Status": "RESOLVED"})])
    (told,) = received()[0]["detail"]["findings"]
    assert (told["Title"], told["Workflow"]) == ("closed", {"Status": "NEW"})


def test_a_test_has_a_service_put_an_event(fresh, seen) -> None:
    received = seen(INSPECTOR)
    detail = {"type": "NETWORK_REACHABILITY", "status": "ACTIVE", "networkReachabilityDetails": {"openPortRange": {"begin": 22, "end": 22}}}
    fresh.event("aws.inspector2", "Inspector2 Finding", detail, "i-0123456789abcdef0")
    (event,) = received()
    assert (event["source"], event["account"], event["resources"]) == ("aws.inspector2", ACCOUNT, ["i-0123456789abcdef0"])
    assert event["detail"] == detail


@pytest.mark.parametrize(
    "detail_type", ["Security Hub Findings - Custom Action", "Findings Imported V2", "Security Hub Findings - Imported"]
)
def test_events_of_security_hub_can_be_put(fresh, seen, detail_type: str) -> None:
    received = seen({"source": ["aws.securityhub"], "detail-type": [detail_type]})
    fresh.event("aws.securityhub", detail_type, {"findings": [{"Id": "f"}]}, "arn:aws:securityhub:::action/custom/close")
    assert received()[0]["detail-type"] == detail_type


def test_nobody_but_a_service_puts_such_an_event(fresh) -> None:
    entry = {"Source": "aws.inspector2", "DetailType": "Inspector2 Finding", "Detail": "{}"}
    reply = fresh.client("events").put_events(Entries=[entry])
    assert (reply["FailedEntryCount"], reply["Entries"][0]["ErrorCode"]) == (1, "NotAuthorizedForSourceException")


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ({"source": "ours", "detailType": "Thing", "detail": {}}, "PutEvents"),
        ({"source": "aws.ec2", "detail": {}}, "detailType"),
        ({"source": "aws.ec2", "detailType": "Thing", "detail": "text"}, "object"),
        ({"source": "aws.ec2", "detailType": "Thing", "detail": {}, "resources": "one"}, "list"),
    ],
)
def test_an_event_without_what_it_needs_is_refused(fresh, event: dict, problem: str) -> None:
    with pytest.raises(AssertionError, match=problem):
        fresh.control("POST", "/event", event)
