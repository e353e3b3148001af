"""`explain --who`: who opened a group, by CloudTrail's event history."""

import json

import pytest
from command_line import DONE, EXPOSED, USAGE
from organization import MANAGEMENT, Organization, id_of, json_error, signed_in

REGION = "eu-central-1"
WEB = id_of(MANAGEMENT, REGION, "web")
RULE = WEB.replace("sg-", "sgr-")
SSO = f"arn:aws:sts::{MANAGEMENT}:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/alice@example.com"


def call(name: str, at: str, arn: str, cidr: str, **more) -> str:
    """An event in which the caller leaves the rule of the group open to this CIDR."""
    rule = {"securityGroupRuleId": RULE, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": cidr}
    return json.dumps(
        {
            "eventName": name,
            "eventTime": at,
            "eventID": "7c1f",
            "sourceIPAddress": "198.51.100.7",
            "userAgent": "Terraform/1.9.5",
            "userIdentity": {"type": "AssumedRole", "arn": arn},
            "responseElements": {"securityGroupRuleSet": {"items": [rule]}},
        }
        | more
    )


class WithHistory(Organization):
    """An account with one group, and the events about it."""

    def __init__(self, cidr: str, *events: str):
        super().__init__(groups={(MANAGEMENT, REGION): [("web", cidr)]})
        self.events = events

    def answer(self, account, region, service, action, given):
        if action != "LookupEvents":
            return super().answer(account, region, service, action, given)
        self.calls.append((account, region, action))
        if not self.events:
            return json_error("AccessDeniedException", "not authorized to perform: cloudtrail:LookupEvents")
        assert given["LookupAttributes"] == [{"AttributeKey": "ResourceName", "AttributeValue": WEB}]
        return 200, json.dumps({"Events": [{"CloudTrailEvent": event} for event in self.events]})


def explained(portcullis, organization, *options):
    with signed_in(portcullis, organization, REGION):
        return portcullis("explain", "web", "--no-rule", *options)


def test_the_opener_of_a_rule_is_named(portcullis):
    opened = call("AuthorizeSecurityGroupIngress", "2026-11-28T10:11:12Z", SSO, "0.0.0.0/0")
    tagged = json.dumps({"eventName": "CreateTags", "eventTime": "2026-11-28T10:12:00Z"})
    done = explained(portcullis, WithHistory("0.0.0.0/0", tagged, opened), "--who")
    assert done.code == EXPOSED
    opened_by = done.out.split("Opened by\n")[1]
    assert opened_by.splitlines() == [
        f"  {RULE}  tcp/22 from 0.0.0.0/0",
        "    alice@example.com with the permission set Admin, 2026-11-28 10:11:12 UTC",
        "    AuthorizeSecurityGroupIngress from 198.51.100.7 with Terraform/1.9.5, event 7c1f",
    ]


def test_names_that_callers_choose_cannot_forge_a_line(portcullis):
    hostile = f"arn:aws:sts::{MANAGEMENT}:assumed-role/Dev/x\n  sgr-1\x1b[31m\u202e"
    opened = call("AuthorizeSecurityGroupIngress", "2026-11-28T10:11:12Z", hostile, "0.0.0.0/0", userAgent="a\nb\x1b[2J" + "c" * 500)
    done = explained(portcullis, WithHistory("0.0.0.0/0", opened), "--who")
    lines = done.out.split("Opened by\n")[1].splitlines()
    assert len(lines) == 3
    assert not any(character in done.out for character in "\x1b\u202e")
    assert len(lines[2]) < 300


def test_an_older_history_is_said_to_be_elsewhere(portcullis):
    before = call("AuthorizeSecurityGroupIngress", "2026-11-28T10:11:12Z", SSO, "10.0.0.0/8")
    done = explained(portcullis, WithHistory("0.0.0.0/0", before), "--who")
    assert done.code == EXPOSED
    assert "unknown: the event history of CloudTrail in eu-central-1 has no such call; it goes back 90 days" in done.out


def test_a_refusal_leaves_the_explanation(portcullis):
    done = explained(portcullis, WithHistory("0.0.0.0/0"), "--who")
    assert (done.code, "NON_COMPLIANT" in done.out) == (EXPOSED, True)
    assert "error: who opened it could not be looked up: cloudtrail:LookupEvents" in done.err


@pytest.mark.parametrize(("cidr", "options"), [("10.0.0.0/8", ["--who"]), ("0.0.0.0/0", [])], ids=["closed", "not asked"])
def test_nobody_is_looked_up_in_vain(portcullis, cidr, options):
    organization = WithHistory(cidr)
    done = explained(portcullis, organization, *options)
    assert done.code == (DONE if options else EXPOSED)
    assert "LookupEvents" not in {action for _, _, action in organization.calls}


def test_files_have_no_callers(portcullis):
    done = portcullis("explain", "web", "--who", "--input", "groups.json")
    assert (done.code, done.out) == (USAGE, "")
    assert "the argument '--who' cannot be used with '--input <PATH>'" in done.err
