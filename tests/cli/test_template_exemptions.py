"""Exemptions that a template states in the metadata of a resource."""

import json

import pytest
from command_line import DONE, ERROR, EXPOSED, USAGE

RULE = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}
EXEMPT = {"Reason": "bastion until the VPN is there", "Expires": "9999-12-31"}

YAML = """\
Resources:
  Web:
    Type: AWS::EC2::SecurityGroup
    Metadata:
      Portcullis:
        Exempt:
          Reason: bastion until the VPN is there
          Expires: 9999-12-31
          Owner: network team
    Properties:
      SecurityGroupIngress:
        - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}
"""


def metadata(exempt) -> dict:
    return {"Portcullis": {"Exempt": exempt}}


def template(exempt=None, *rules, **resources) -> dict:
    web = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": list(rules)}}
    if exempt is not None:
        web["Metadata"] = metadata(exempt)
    return {"Resources": {"Web": web, **resources}}


def ingress(port: int, exempt=None) -> dict:
    rule = {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": RULE | {"FromPort": port, "ToPort": port, "GroupId": {"Ref": "Web"}}}
    return rule if exempt is None else rule | {"Metadata": metadata(exempt)}


@pytest.fixture
def scan(portcullis):
    def run(content, *arguments):
        portcullis.write("t.json", content)
        return portcullis("scan", "t.json", "--format", "json", *arguments)

    return run


# CSV, page and SARIF list exposures that are not exempt.
def test_the_reason_and_the_place_are_in_reports(portcullis):
    portcullis.write("t.yaml", YAML)
    reason = "Metadata of Web in t.yaml, line 6: bastion until the VPN is there"
    place = ("--account", "111122223333", "--region", "us-east-1", "--show-all")
    for form in ("table", "json", "jsonl", "asff", "ocsf"):
        done = portcullis("scan", "t.yaml", "--format", form, *place, env={"COLUMNS": "300"})
        assert done.code == DONE, form
        text = " ".join(done.out.split())
        assert reason in text, form
    [exempted] = portcullis("scan", "t.yaml", "--format", "json").json()["results"][0]["exempted"]
    assert (exempted["reason"], exempted["expires"], exempted["owner"]) == (reason, "9999-12-31", "network team")
    done = portcullis("explain", "Web", "--input", "t.yaml")
    assert (done.code, reason in done.out) == (DONE, True)


def test_they_can_be_ignored(portcullis):
    portcullis.write("t.yaml", YAML)
    for command in (["scan", "t.yaml"], ["explain", "Web", "--input", "t.yaml"]):
        assert portcullis(*command, "--ignore-template-exemptions").code == EXPOSED
    portcullis.write("broken.yaml", YAML.replace("Reason", "Raeson"))
    assert portcullis("scan", "broken.yaml", "--ignore-template-exemptions").code == EXPOSED
    done = portcullis("scan", "--ignore-template-exemptions")
    assert (done.code, done.out) == (USAGE, "")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Ports": "tcp/22"}, DONE),
        ({"Ports": [22, "tcp/3389"]}, DONE),
        ({"Ports": 3389}, EXPOSED),
        ({"Expires": "2020-12-31"}, EXPOSED),
    ],
)
def test_ports_and_end_count_as_in_the_document(scan, change, code):
    assert scan(template(EXEMPT | change, RULE)).code == code


def test_an_exemption_of_a_rule_is_for_that_rule_only(scan):
    assert scan(template(None, Ssh=ingress(22, EXEMPT))).code == DONE
    done = scan(template(None, Ssh=ingress(22, EXEMPT), Rdp=ingress(3389)))
    assert done.code == EXPOSED
    [result] = done.json()["results"]
    assert [found["ports"] for found in result["exposures"]] == [["tcp/3389"]]
    assert [found["ports"] for found in result["exempted"]] == [["tcp/22"]]


@pytest.mark.parametrize("twin", [{"rules": [RULE]}, {"Other": ingress(22)}], ids=["in the group", "of its own"])
def test_the_same_rule_elsewhere_is_not_exempt(scan, twin):
    rules = twin.pop("rules", [])
    assert scan(template(None, *rules, A=ingress(22, EXEMPT), **twin)).code == EXPOSED


def test_a_rule_that_cannot_be_judged_may_be_exempt(scan):
    rule = RULE | {"CidrIp": {"Fn::ImportValue": "Office"}}
    assert scan(template(None, rule)).code == ERROR
    assert scan(template(EXEMPT, rule)).code == DONE


@pytest.mark.parametrize(
    ("exempt", "problem"),
    [
        ({"Expires": "9999-12-31"}, "`Reason` is missing"),
        (EXEMPT | {"Expires": {"Ref": "End"}}, "`Expires` is not a text: write the value out"),
        (EXEMPT | {"Until": "2099-01-01"}, "`Exempt` has the unknown key `Until`"),
        (True, "`Exempt` is not a map"),
    ],
)
def test_one_that_is_not_understood_is_an_error_and_exempts_nothing(scan, exempt, problem):
    for content in (template(exempt, RULE), template(None, Ssh=ingress(22, exempt))):
        done = scan(content)
        assert done.code == ERROR
        assert done.json()["results"][0]["compliance"] == "NON_COMPLIANT"
        [part] = done.json()["not_scanned"]
        assert part["reason"].startswith("nothing is exempt: ")
        assert problem in part["reason"]


def test_the_line_of_the_mistake_is_named(portcullis):
    portcullis.write("t.yaml", YAML.replace("          Expires: 9999-12-31\n", ""))
    done = portcullis("scan", "t.yaml", "--format", "json")
    assert [part["target"] for part in done.json()["not_scanned"]] == ["Web (`t.yaml`, line 6, column 1)"]


def test_another_resource_exempts_nothing(scan):
    other = {"Type": "AWS::EC2::VPC", "Metadata": metadata(EXEMPT)}
    done = scan(template(None, Vpc=other))
    assert done.code == ERROR
    assert "this is AWS::EC2::VPC" in json.dumps(done.json()["not_scanned"])
