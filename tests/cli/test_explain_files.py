"""`explain --input`: the verdict on a group of a file, rule by rule."""

import json

import groups
import pytest
from command_line import DONE, ERROR, EXPOSED, USAGE

INPUTS = {
    "groups.json": groups.groups(),
    "template.json": groups.template(),
    "plan.json": groups.plan(),
    "snapshot.json": groups.snapshot(),
}


@pytest.mark.parametrize("name", INPUTS)
def test_a_group_of_a_file_is_explained(portcullis, name):
    portcullis.write(name, INPUTS[name])
    done = portcullis("explain", "web", "--input", name)
    assert (done.code, done.err) == (EXPOSED, "")
    assert f" in {name}" in done.out.splitlines()[0]
    assert "OPEN: allows tcp/22 from the world" in done.out
    assert "fine: allows none of these ports" in done.out
    assert done.out.splitlines()[-1] == "NON_COMPLIANT: at least one rule opens a blocked port"
    assert portcullis("explain", "database", "--input", name).code == DONE


def test_the_options_of_the_policy_count(portcullis):
    portcullis.write("groups.json", groups.groups())
    done = portcullis("explain", groups.IDS["office"], "--input", "groups.json", "--scope", "public")
    assert (done.code, "OPEN: allows tcp/22 from part of the internet (256 IPv4 addresses)" in done.out) == (EXPOSED, True)
    assert portcullis("explain", "web", "--input", "groups.json", "--ports", "5432").code == DONE


def test_standard_input(portcullis):
    done = portcullis("explain", "web", "--input", "-", stdin=json.dumps(groups.groups()))
    assert (done.code, done.out.splitlines()[0]) == (EXPOSED, f"{groups.IDS['web']} (web) in -")


def test_an_exemption_of_an_account_counts_in_it_only(portcullis):
    portcullis.write("template.json", groups.template())
    one = {"vpcId": groups.VPC, "groupName": "web", "expires": "9999-12-31", "reason": "r", "accountId": groups.ACCOUNT}
    portcullis.write("exemptions.json", {"version": 1, "exemptions": [one]})
    arguments = ["explain", "web", "--input", "template.json", "--exemptions", "exemptions.json"]
    assert portcullis(*arguments, "--account", groups.ACCOUNT).code == DONE
    assert portcullis(*arguments, "--account", "999999999999").code == EXPOSED


def test_the_place_is_that_of_the_group(portcullis):
    stack = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "network.json"}}
    portcullis.write("main.json", {"Resources": {"Network": stack}})
    portcullis.write("network.json", groups.template())
    done = portcullis("explain", "web", "--input", "main.json")
    assert done.out.splitlines()[0] == "Network/web (web) in network.json, line 4"


def test_a_group_that_is_not_there(portcullis):
    portcullis.write("groups.json", groups.groups())
    known = f"it has {groups.IDS['web']} (web), {groups.IDS['office']} (office)"
    portcullis("explain", "wbe", "--input", "groups.json").failed(ERROR, "there is no security group `wbe` in groups.json", known)
    portcullis("explain", "web", "--input", "missing.json").failed(ERROR, "cannot read missing.json: No such file or directory")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--profile", "p"], "--profile"),
        (["--rule", "r"], "--rule"),
        (["--account", "1"], "--account: `1` is not the id of an account"),
        (["--region", "frankfurt"], "`frankfurt` is not the name of a region"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_that_a_file_does_not_take(portcullis, arguments, problem):
    portcullis.write("groups.json", groups.groups())
    done = portcullis("explain", "web", "--input", "groups.json", *arguments)
    assert (done.code, done.out) == (USAGE, "")
    assert problem in done.err


def test_what_could_not_be_read_counts(portcullis):
    """A rule of the group may be in the record."""
    groups_and_text = [*groups.groups()["SecurityGroups"], {"GroupId": "sg-0ffffffffffffffff"}]
    portcullis.write("groups.json", {"SecurityGroups": groups_and_text})
    done = portcullis("explain", "database", "--input", "groups.json")
    assert (done.code, "COMPLIANT" in done.out) == (ERROR, True)
    assert "error: not scanned: `groups.json`, line" in done.err
    assert "without `IpPermissions`" in done.err
    assert portcullis("explain", "web", "--input", "groups.json").code == EXPOSED
