"""Profiles against the environment: an explicit profile decides on the account, as with the AWS CLI."""

import pytest
from command_line import ERROR, EXPOSED, USAGE
from organization import MANAGEMENT, Organization, id_of, signed_in

DEV, PROD, REGION = "222222222222", "333333333333", "eu-central-1"
WEB = id_of(DEV, REGION, "web")
CREDENTIALS = f"""\
[dev]
aws_access_key_id = {DEV}
aws_secret_access_key = secret
[prod]
aws_access_key_id = {PROD}
aws_secret_access_key = secret
"""
CONFIG = """\
[profile bare]
region = eu-central-1
"""


@pytest.fixture
def organization():
    everywhere = {(account, REGION): [("web", "0.0.0.0/0")] for account in (MANAGEMENT, DEV, PROD)}
    return Organization(groups=everywhere)


@pytest.fixture
def live(organization, portcullis):
    """The command line with credentials in the environment, those of the management account, and with profiles."""
    (portcullis.home / ".aws").mkdir()
    (portcullis.home / ".aws" / "credentials").write_text(CREDENTIALS)
    (portcullis.home / ".aws" / "config").write_text(CONFIG)
    with signed_in(portcullis, organization, REGION) as terminal:
        yield terminal


def accounts(organization) -> set[str]:
    return {account for account, *_ in organization.calls}


def test_a_profile_wins_over_the_environment(live, organization):
    done = live("scan", "--profile", "dev", "--format", "json")
    assert done.code == EXPOSED, done.err
    assert {found["account"] for found in done.json()["results"]} == {DEV}
    assert accounts(organization) == {DEV}


def test_each_profile_is_its_own_account(live, organization):
    done = live("scan", "--profile", "dev", "--profile", "prod", "--format", "json")
    assert [found["account"] for found in done.json()["results"]] == [DEV, PROD]
    assert accounts(organization) == {DEV, PROD}


def test_the_environment_counts_without_a_profile(live, organization):
    assert live("scan").code == EXPOSED
    assert accounts(organization) == {MANAGEMENT}


@pytest.mark.parametrize(
    "command",
    [
        ["scan"],
        ["plan", id_of(DEV, REGION, "web")],
        ["close", "--all", "--yes"],
        ["explain", id_of(DEV, REGION, "web")],
        ["exempt", "list"],
    ],
    ids=lambda command: command[0],
)
def test_an_unknown_profile_is_an_error(live, organization, command):
    wanted = "there is no profile `nosuch`: `aws configure list-profiles` lists the existing profiles"
    live(*command, "--profile", "nosuch").failed(ERROR, wanted)
    # Neither does a variable name an unknown profile, as with the AWS CLI.
    live(*command, env={"AWS_PROFILE": "nosuch"}).failed(ERROR, wanted)
    assert organization.calls == []


def test_an_unknown_profile_beside_a_known_one_is_listed(live, organization):
    done = live("scan", "--profile", "nosuch", "--profile", "dev", "--format", "json")
    assert done.code == ERROR
    assert [problem["target"] for problem in done.json()["not_scanned"]] == ["profile nosuch"]
    assert accounts(organization) == {DEV}


def test_a_profile_without_credentials_takes_none_from_the_environment(live, organization):
    live("scan", "--profile", "bare").failed(ERROR, "no AWS credentials of profile `bare`")
    assert organization.calls == []


def test_an_option_wins_over_the_region_of_the_environment(live, organization):
    live("scan", "--region", "eu-west-1")
    assert {region for _, region, _ in organization.calls} == {"eu-west-1"}


def test_the_configuration_file_wins_over_the_environment(live, organization):
    live.write("options.toml", "profile = 'dev'\nregion = 'eu-west-1'\n")
    assert live("scan", env={"PORTCULLIS_CONFIG": "options.toml"}).code != USAGE
    assert {call[:2] for call in organization.calls} == {(DEV, "eu-west-1")}
    # And the command line over the file.
    organization.calls.clear()
    live("scan", "--profile", "prod", "--region", REGION, env={"PORTCULLIS_CONFIG": "options.toml"})
    assert {call[:2] for call in organization.calls} == {(PROD, REGION)}
