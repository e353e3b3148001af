"""Several accounts and regions, some of which cannot be scanned: these are listed, and do not affect the others."""

import pytest
from command_line import DONE, ERROR, EXPOSED, CommandLine
from organization import MANAGEMENT, Organization, id_of, signed_in

APPLICATION, BACKUP, CLOSED, WORKSHOP = "222222222222", "333333333333", "444444444444", "555555555555"
REGION, OTHER, DENIED = "eu-central-1", "eu-west-1", "us-east-1"
OPEN, INSIDE = "0.0.0.0/0", "10.0.0.0/8"


@pytest.fixture
def organization():
    states = {MANAGEMENT: "ACTIVE", APPLICATION: "ACTIVE", BACKUP: "ACTIVE", CLOSED: "SUSPENDED", WORKSHOP: "ACTIVE"}
    groups = {
        (MANAGEMENT, REGION): [("audit", INSIDE)],
        (APPLICATION, REGION): [("web", OPEN), ("database", INSIDE)],
        (APPLICATION, OTHER): [("spare", OPEN)],
        (WORKSHOP, REGION): [("bench", OPEN)],
    }
    return Organization(accounts=states, regions=[REGION, OTHER, DENIED], groups=groups)


@pytest.fixture
def live(organization, portcullis):
    """The command line in the management account."""
    with signed_in(portcullis, organization, REGION) as terminal:
        yield terminal


def scan(live: CommandLine, *arguments):
    return live("scan", "--format", "json", *arguments)


def found(report: dict) -> dict[tuple, str]:
    return {(r["account"], r["region"], r["group_name"]): r["compliance"] for r in report["results"]}


def not_scanned(report: dict) -> list[tuple]:
    return [(part["account"], part["region"]) for part in report["not_scanned"]]


def test_every_active_account_of_the_organization_is_scanned(live, organization):
    done = scan(live, "--organization", "Audit")
    assert done.code == EXPOSED, done.err
    assert found(done.json()) == {
        (MANAGEMENT, REGION, "audit"): "COMPLIANT",
        (APPLICATION, REGION, "web"): "NON_COMPLIANT",
        (APPLICATION, REGION, "database"): "COMPLIANT",
        (WORKSHOP, REGION, "bench"): "NON_COMPLIANT",
    }
    assert not_scanned(done.json()) == []
    # The management account needs no role, and a suspended account is not called.
    assert {account for account, _, action in organization.calls if action == "AssumeRole"} == {MANAGEMENT}
    asked = {account for account, _, action in organization.calls if action == "DescribeSecurityGroups"}
    assert asked == {MANAGEMENT, APPLICATION, BACKUP, WORKSHOP}
    assert organization.assumed == {APPLICATION, BACKUP, WORKSHOP}
    [rule] = next(r for r in done.json()["results"] if r["group_name"] == "web")["exposures"]
    assert rule["rule_id"] == "sgr-" + id_of(APPLICATION, REGION, "web")[3:]


def test_an_account_without_the_role_does_not_affect_the_others(live, organization):
    organization.without_role = {BACKUP}
    done = scan(live, "--organization", "Audit")
    assert done.code == ERROR
    assert len(found(done.json())) == 4
    [problem] = done.json()["not_scanned"]
    assert problem["account"] == BACKUP
    assert f"arn:aws:iam::{BACKUP}:role/Audit cannot be assumed: AccessDenied" in problem["reason"]
    assert f"not scanned: {BACKUP}" in done.err


def test_a_denied_region_does_not_affect_the_others(live, organization):
    organization.denied = {(MANAGEMENT, DENIED)}
    organization.groups[MANAGEMENT, OTHER] = [("jump", OPEN)]
    done = scan(live, "--all-regions")
    assert done.code == ERROR
    assert found(done.json()) == {(MANAGEMENT, REGION, "audit"): "COMPLIANT", (MANAGEMENT, OTHER, "jump"): "NON_COMPLIANT"}
    assert not_scanned(done.json()) == [(MANAGEMENT, DENIED)]
    [problem] = done.json()["not_scanned"]
    assert "(allow ec2:DescribeSecurityGroups to this role or user)" in problem["reason"]
    # Only the named regions are scanned.
    named = scan(live, "--region", REGION, "--region", OTHER, "--region", DENIED)
    assert (named.code, found(named.json())) == (ERROR, found(done.json()))


def test_accounts_times_regions(live, organization):
    done = scan(live, "--organization", "Audit", "--all-regions", "--no-fail")
    assert done.code == DONE
    assert len(found(done.json())) == 5
    asked = {(account, region) for account, region, action in organization.calls if action == "DescribeSecurityGroups"}
    assert asked == {(a, r) for a in (MANAGEMENT, APPLICATION, BACKUP, WORKSHOP) for r in (REGION, OTHER, DENIED)}


def test_a_role_that_was_named_twice_is_scanned_once(live, organization):
    role = f"arn:aws:iam::{APPLICATION}:role/Audit"
    done = scan(live, "--assume-role-arn", role, "--assume-role-arn", role)
    assert len(done.json()["results"]) == 2
    assert sum(action == "DescribeSecurityGroups" for *_, action in organization.calls) == 1


def test_the_table_shows_accounts_only_if_there_are_several(live):
    def titles(text: str) -> list[str]:
        return next(line for line in text.splitlines() if line.startswith("SEVERITY")).split()

    several = live("scan", "--organization", "Audit", env={"COLUMNS": "130"})
    assert ", 4 accounts, eu-central-1, " in several.out.splitlines()[0]
    assert "ACCOUNT" in titles(several.out)
    assert APPLICATION in several.out
    role = f"arn:aws:iam::{APPLICATION}:role/Audit"
    one = live("scan", "--assume-role-arn", role, env={"COLUMNS": "130"})
    assert "ACCOUNT" not in titles(one.out)
    head = one.out.split("Policy: ")[0].replace("\n", " ")
    assert f", account {APPLICATION}, {REGION}, as assumed-role/Audit/jane" in head
    # The management account is read by its own credentials, the others by one role.
    assert "as user/jane and 1 more" in several.out.split("Policy: ")[0].replace("\n", " ")


def test_commands_to_close_use_the_role_of_the_scan(live):
    role = f"arn:aws:iam::{APPLICATION}:role/Audit"
    [finding] = live("scan", "--organization", "Audit", "--region", OTHER, "--format", "asff").json()
    command = finding["ProductFields"]["portcullis/close"]
    assert f"--region={OTHER} --assume-role-arn={role} --ports=22,3389 --scope=world" in command
    assert finding["ProductFields"]["portcullis/identity"] == f"arn:aws:sts::{APPLICATION}:assumed-role/Audit/jane"


def test_a_denied_list_of_accounts_is_reported(live, organization):
    def denied(*_):
        return 400, '{"__type": "AccessDeniedException", "Message": "You don\'t have permissions to access this resource."}'

    answer = organization.answer
    organization.answer = lambda *call: denied() if call[3] == "ListAccounts" else answer(*call)
    live("scan", "--organization", "Audit").failed(ERROR, "--organization needs the management account", "allow organizations:ListAccounts")
