"""`portcullis scan` of templates and plans: values that are given, parts that are elsewhere, places of findings."""

import json

import pytest
import yaml
from command_line import DONE, ERROR, EXPOSED, USAGE


def ssh(source) -> dict:
    return {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": source}


def group(*sources) -> dict:
    return {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": [ssh(source) for source in sources]}}


def with_parameter() -> dict:
    return {"Parameters": {"Office": {"Type": "String"}}, "Resources": {"Bastion": group({"Ref": "Office"})}}


def verdicts(done) -> dict:
    return {found["group_id"]: found["compliance"] for found in done.json()["results"]}


@pytest.fixture
def scan(portcullis):
    def run(name, *arguments):
        return portcullis("scan", name, "--format", "json", *arguments)

    run.write = portcullis.write
    run.line = portcullis
    return run


def test_a_parameter_without_a_value_is_named_with_the_remedy(scan):
    scan.write("t.json", with_parameter())
    done = scan("t.json")
    assert done.code == ERROR
    [rule] = done.json()["results"][0]["unjudged"]
    assert "value of parameter `Office` is unknown: pass --parameter Office=VALUE" in rule["reason"]


@pytest.mark.parametrize(("cidr", "code"), [("10.0.0.0/8", DONE), ("0.0.0.0/0", EXPOSED)])
def test_parameters_are_given_by_option_and_file(scan, cidr, code):
    scan.write("t.json", with_parameter())
    assert scan("t.json", "--parameter", f"Office={cidr}").code == code
    scan.write("list.json", [{"ParameterKey": "Office", "ParameterValue": cidr}])
    scan.write("overrides.json", [f"Office={cidr}"])
    scan.write("pipeline.json", {"Parameters": {"Office": cidr}})
    scan.write("names.yaml", yaml.safe_dump({"Office": cidr}))
    for name in ("list.json", "overrides.json", "pipeline.json", "names.yaml"):
        assert scan("t.json", "--parameters", name).code == code, name
    other = "0.0.0.0/0" if code == DONE else "10.0.0.0/8"
    scan.write("other.json", {"Office": other})
    assert scan("t.json", "--parameters", "other.json", "--parameter", f"Office={cidr}").code == code, "the option takes precedence"


def test_given_values_decide_conditions(scan):
    template = {
        "Parameters": {"Stage": {"Type": "String", "Default": "prod"}},
        "Conditions": {"Dev": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]}, "Here": {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]}},
        "Resources": {"Debug": group("0.0.0.0/0") | {"Condition": "Dev"}, "Web": group({"Fn::If": ["Here", "10.0.0.0/8", "0.0.0.0/0"]})},
    }
    scan.write("t.json", template)
    assert verdicts(scan("t.json")) == {"Debug": "NON_COMPLIANT", "Web": "NON_COMPLIANT"}
    assert verdicts(scan("t.json", "--region", "eu-west-1")) == {"Debug": "NON_COMPLIANT", "Web": "COMPLIANT"}
    done = scan("t.json", "--region", "eu-west-1", "--parameter", "Stage=prod")
    assert (done.code, verdicts(done)) == (DONE, {"Web": "COMPLIANT"})


def test_a_parameter_that_no_template_has_is_an_error(scan):
    scan.write("t.json", with_parameter())
    scan.line("scan", "t.json", "--quiet", "--format", "jsonl", "--output", "report", "--parameter", "Ofice=10.0.0.0/8").failed(
        ERROR, "`t.json` has no parameter `Ofice`: it has `Office`"
    )
    scan.write("groups.json", {"SecurityGroups": []})
    scan.line("scan", "groups.json", "--quiet", "--output", "r.json", "--parameter", "Office=1").failed(
        ERROR, "Office", "no input is a template"
    )


@pytest.mark.parametrize("arguments", [("--parameter", "Office"), ("--parameter", "=x"), ("--parameter", "A=1", "--parameter", "A=2")])
def test_a_malformed_parameter_is_a_usage_error(scan, arguments):
    scan.write("t.json", with_parameter())
    scan("t.json", *arguments).failed(USAGE, "--parameter: `")


def test_a_malformed_file_of_parameters_is_an_error(scan):
    scan.write("t.json", with_parameter())
    scan.write("p.json", "[1]")
    scan("t.json", "--parameters", "p.json").failed(ERROR, "the parameters file p.json: no parameters: give a list of")
    scan("t.json", "--parameters", "missing.json").failed(ERROR, "missing.json")


def nested(url) -> dict:
    stack = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url, "Parameters": {"Office": "0.0.0.0/0"}}}
    return {"Resources": {"Network": stack, "Web": group("10.0.0.0/8")}}


def test_a_hidden_part_is_not_scanned_unless_it_is_accepted_by_its_kind(scan):
    scan.write("t.json", nested("https://bucket.s3.amazonaws.com/network.yaml"))
    done = scan("t.json")
    assert (done.code, verdicts(done)) == (ERROR, {"Web": "COMPLIANT"})
    [part] = done.json()["not_scanned"]
    assert part["target"].startswith("Network (`t.json`, line ")
    assert part["reason"].endswith(", or accept it by --accept-not-scanned nested-stack")
    done = scan("t.json", "--accept-not-scanned", "nested-stack")
    assert (done.code, done.json()["not_scanned"]) == (DONE, [])
    assert done.err == "accepted by --accept-not-scanned nested-stack: 1 not scanned\n"
    assert scan("t.json", "--accept-not-scanned", "nested-stack", "--quiet").err == ""
    assert scan("t.json", "--accept-not-scanned", "stack-set,module").code == ERROR, "another kind"
    assert scan("t.json", "--accept-not-scanned", "everything").code == USAGE


def test_a_template_beside_the_template_is_read(scan):
    (scan.line.directory / "stacks").mkdir()
    scan.write("stacks/network.yaml", yaml.safe_dump(with_parameter()))
    scan.write("t.json", nested("stacks/network.yaml"))
    done = scan("t.json")
    assert (done.code, verdicts(done)) == (EXPOSED, {"Network/Bastion": "NON_COMPLIANT", "Web": "COMPLIANT"})
    [found] = [found for found in done.json()["results"] if found["group_id"] == "Network/Bastion"]
    assert found["location"]["file"] == "stacks/network.yaml"


def test_accepting_never_covers_what_is_broken(scan):
    scan.write("t.yaml", "Resources:\n  A: {Type: X::Y::Z::MODULE}\n  B: {Type: Q, Type: R}\n")
    done = scan("t.yaml", "--accept-not-scanned", "module")
    assert done.code == ERROR
    assert ["duplicate key" in part["reason"] for part in done.json()["not_scanned"]] == [True]


def test_the_newest_item_counts_over_all_inputs(scan):
    def item(day, sources):
        permissions = [{"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": sources}]
        return {
            "resourceType": "AWS::EC2::SecurityGroup",
            "resourceId": "sg-0aaaaaaaaaaaaaaaa",
            "awsAccountId": "111122223333",
            "awsRegion": "us-east-1",
            "configurationItemCaptureTime": f"2026-03-{day:02}T00:00:00Z",
            "configuration": {"groupId": "sg-0aaaaaaaaaaaaaaaa", "ipPermissions": permissions},
        }

    scan.write("older.json", {"configurationItems": [item(1, ["0.0.0.0/0"])]})
    scan.write("newer.json", {"configurationItems": [item(2, ["10.0.0.0/8"])]})
    for inputs in (("older.json", "newer.json"), ("newer.json", "older.json")):
        done = scan(*inputs)
        assert (done.code, len(done.json()["results"])) == (DONE, 1)


def test_sarif_points_at_the_line_of_the_rule(scan):
    text = """\
Resources:
  Web:
    Type: AWS::EC2::SecurityGroup
    Properties:
      SecurityGroupIngress:
        - {IpProtocol: tcp, FromPort: 3389, ToPort: 3389, CidrIp: 0.0.0.0/0}
  Ssh:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !Ref Web, IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}
"""
    scan.write("t.yaml", text)
    done = scan.line("scan", "t.yaml", "--format", "sarif")
    found = json.loads(done.out)["runs"][0]["results"]
    lines = {result["locations"][0]["physicalLocation"]["region"]["startLine"]: result["message"]["text"] for result in found}
    assert sorted(lines) == [6, 8]
    assert "from `Ssh` in t.yaml, line 8" in lines[8]


def test_an_exemption_by_a_tag_of_unknown_value_has_no_effect(scan):
    template = {"Parameters": {"Until": {"Type": "String"}}, "Resources": {"Bastion": group("0.0.0.0/0")}}
    template["Resources"]["Bastion"]["Properties"]["Tags"] = [{"Key": "LetOff", "Value": {"Ref": "Until"}}]
    scan.write("t.json", template)
    assert scan("t.json", "--exemption-tag-key", "LetOff").code == EXPOSED
    assert scan("t.json", "--exemption-tag-key", "LetOff", "--parameter", "Until=2099-12-31 moving").code == DONE
    assert scan("t.json", "--exemption-tag-key", "LetOff", "--parameter", "Until=2020-12-31 moving").code == EXPOSED


def test_a_report_says_which_values_were_given_and_what_was_accepted(scan):
    """Without them the report would be no evidence: another value gives another verdict."""
    template = with_parameter()
    template["Resources"]["Child"] = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "https://example.org/t"}}
    scan.write("t.json", template)
    given = ["--parameter Office=10.0.0.0/8", "--accept-not-scanned nested-stack", "--account 111122223333"]
    arguments = [word for option in given for word in option.split()]
    done = scan("t.json", *arguments)
    assert done.code == DONE
    assert sorted(done.json()["scan"]["options"]) == sorted(given)
    table = scan.line("scan", "t.json", *arguments).out.splitlines()[0]
    assert "t.json, --parameter Office=10.0.0.0/8, --accept-not-scanned nested-stack" in table
    for form in ("html", "sarif"):
        told = scan.line("scan", "t.json", *arguments, "--format", form).out
        assert all(option in told for option in given)
