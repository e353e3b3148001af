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


KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def without(live, *names: str):
    for name in names:
        live.environment.pop(name)
    return live


@pytest.mark.parametrize("missing", KEYS)
@pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
def test_half_a_pair_of_credentials_does_not_fall_back(live, organization, missing, value):
    """The SDK would read the default profile, and so perhaps another account."""
    given = next(name for name in KEYS if name != missing)
    (live.home / ".aws" / "credentials").write_text(CREDENTIALS.replace("[dev]", "[default]"))
    without(live, missing)
    environment = {} if value is None else {missing: value}
    live("scan", env=environment).failed(ERROR, f"{given} is set and {missing} is not", "--profile")
    assert organization.calls == []
    # A profile that was asked for needs neither.
    assert live("scan", "--profile", "prod", env=environment).code == EXPOSED


@pytest.mark.parametrize(
    ("environment", "account"),
    [({"AWS_PROFILE": "dev"}, DEV), ({"AWS_DEFAULT_PROFILE": "dev"}, DEV), ({"AWS_DEFAULT_PROFILE": "prod", "AWS_PROFILE": "dev"}, PROD)],
    ids=["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "both"],
)
def test_a_variable_names_the_profile_as_for_the_aws_cli(live, organization, environment, account):
    # Credentials in the environment win over a profile that only a variable names.
    assert live("scan", env=environment).code == EXPOSED
    assert accounts(organization) == {MANAGEMENT}
    organization.calls.clear()
    assert without(live, *KEYS)("scan", env=environment).code == EXPOSED
    assert accounts(organization) == {account}
    organization.calls.clear()
    live("scan", "--profile", "dev", env=environment)
    assert accounts(organization) == {DEV}


def test_an_empty_variable_is_unset(live, organization):
    (live.home / ".aws" / "credentials").write_text(CREDENTIALS.replace("[dev]", "[default]"))
    (live.home / ".aws" / "config").write_text("[default]\nregion = eu-central-1\n")
    empty = dict.fromkeys((*KEYS, "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "PORTCULLIS_CONFIG"), "")
    assert live("scan", env=empty).code == EXPOSED
    assert {call[:2] for call in organization.calls} == {(DEV, REGION)}
    organization.calls.clear()
    assert live("scan", env=empty | {"AWS_DEFAULT_REGION": "eu-west-1"}).code != ERROR
    assert {call[:2] for call in organization.calls} == {(DEV, "eu-west-1")}
    live("scan", "--config", "").failed(USAGE, "--config names no file")


@pytest.mark.parametrize("command", [["scan"], ["plan", "--all"]], ids=lambda command: command[0])
def test_a_misspelt_region_of_the_environment_is_refused(live, organization, command):
    live(*command, env={"AWS_REGION": "frankfurt"}).failed(USAGE, "`frankfurt` is not the name of a region")
    assert organization.calls == []


@pytest.mark.parametrize("value", ["", "localhost:4566", "http://"])
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2"])
def test_an_endpoint_is_a_url(live, organization, name, value):
    live("scan", env={name: value}).failed(ERROR, f"{name}: `{value}` is not a URL such as https://ec2.example.org")
    assert organization.calls == []


PROFILES = f"""\
[profile process]
credential_process = /bin/sh -c 'echo the vault is sealed >&2; exit 3'
[profile orphan]
role_arn = arn:aws:iam::{PROD}:role/Audit
source_profile = gone
[profile chained]
role_arn = arn:aws:iam::{PROD}:role/Audit
source_profile = dev
[profile loop]
role_arn = arn:aws:iam::{PROD}:role/Audit
source_profile = pool
[profile pool]
role_arn = arn:aws:iam::{PROD}:role/Audit
source_profile = loop
[profile sso]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-central-1
sso_account_id = {PROD}
sso_role_name = Audit
"""


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("process", "the vault is sealed"),
        ("orphan", "profile `orphan` takes its credentials from profile `gone`, which does not exist"),
        ("loop", "infinite loop"),
        ("sso", "run `aws sso login --profile sso`"),
    ],
)
def test_a_profile_that_cannot_be_used_is_no_other_account(live, organization, profile, message):
    (live.home / ".aws" / "config").write_text(PROFILES)
    live("scan", "--profile", profile).failed(ERROR, message)
    assert organization.calls == []


def test_roles_are_chained_from_the_profile(live, organization):
    (live.home / ".aws" / "config").write_text(PROFILES)
    # The first role is that of the profile, the second one that of the option; the environment has no part in it.
    role = "arn:aws:iam::444444444444:role/Audit"
    assert live("scan", "--profile", "chained", "--assume-role-arn", role).code != ERROR
    assumed = [account for account, _, action in organization.calls if action == "AssumeRole"]
    assert (list(dict.fromkeys(assumed)), MANAGEMENT in accounts(organization)) == ([DEV, PROD], False)


def test_a_malformed_file_is_one_line(live):
    (live.home / ".aws" / "config").write_text("[profile x\n")
    live("scan", "--profile", "dev").failed(ERROR, ".aws/config on line 1: Profile definition must end with ']'")
    live.write("options.toml", "region = 'eu-west-1'\nports = \n")
    live("scan", "--config", "options.toml").failed(ERROR, "the configuration file options.toml is not TOML: line 2: ")
    live.write("options.toml", "profile = ['dev', 'prod']\n")
    live("plan", "--all", "--config", "options.toml").failed(ERROR, "`profile` of `portcullis plan` takes one value, not a list")
