"""Errors: one line on standard error with a remedy, an exit code, and nothing on standard output."""

import gzip
import hashlib
import json

import groups
import pytest
from command_line import DONE, ERROR, USAGE

SSO = """\
[profile sso]
sso_session = corporation
sso_account_id = 123456789012
sso_role_name = Audit
region = eu-central-1
[sso-session corporation]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-central-1
sso_registration_scopes = sso:account:access
"""
GROUP = "sg-0123456789abcdef0"
COMMANDS = [
    ["scan"],
    ["plan", GROUP],
    ["close", GROUP, "--yes"],
    ["close", "--all", "--dry-run"],
    ["restore", GROUP, "--yes"],
    ["explain", GROUP],
    ["exempt", "list"],
    ["exempt", "remove", GROUP],
    ["exempt", "add", GROUP, "--expires", "2999-12-31", "--reason", "r"],
]
REGION = ["--region", "eu-central-1"]


@pytest.fixture
def sso(portcullis):
    """A profile with an expired IAM Identity Center session."""
    directory = portcullis.home / ".aws"
    (directory / "sso" / "cache").mkdir(parents=True)
    (directory / "config").write_text(SSO)
    name = hashlib.sha1(b"corporation").hexdigest()
    token = {"startUrl": "https://example.awsapps.com/start", "region": "eu-central-1"}
    token |= {"accessToken": "token", "expiresAt": "2020-01-01T00:00:00Z"}
    (directory / "sso" / "cache" / f"{name}.json").write_text(json.dumps(token))
    return portcullis


# Credentials, profiles, regions.


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_credentials(portcullis, command):
    portcullis(*command, *REGION).failed(ERROR, "no AWS credentials: run `aws configure` or `aws sso login`")


def test_an_expired_sso_session(sso):
    wanted = "the SSO session of profile `sso` has expired or was never started: run `aws sso login --profile sso`"
    sso("scan", "--profile", "sso").failed(ERROR, wanted)
    sso("explain", GROUP, env={"AWS_PROFILE": "sso"}).failed(ERROR, wanted)


def test_an_sso_session_that_was_never_started(sso):
    for file in (sso.home / ".aws" / "sso" / "cache").iterdir():
        file.unlink()
    sso("scan", "--profile", "sso").failed(ERROR, "run `aws sso login --profile sso`")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_invalid_certificate_bundle(portcullis, command):
    nowhere, text = {"AWS_CA_BUNDLE": "nowhere.pem"}, {"AWS_CA_BUNDLE": "bundle.pem"}
    (portcullis.directory / "bundle.pem").write_text("no certificate")
    portcullis(*command, *REGION, env=nowhere).failed(ERROR, "cannot read `nowhere.pem`, named by AWS_CA_BUNDLE")
    portcullis(*command, *REGION, env=text).failed(ERROR, "`bundle.pem`, named by AWS_CA_BUNDLE, is not a bundle")


def test_an_unknown_profile(sso):
    sso("scan", "--profile", "nobody").failed(ERROR, "`nobody`")
    sso("plan", GROUP, "--profile", "nobody", *REGION).failed(ERROR, "`nobody`")


def test_each_unusable_profile_is_listed(sso):
    done = sso("scan", "--profile", "nobody", "--profile", "sso", "--format", "json")
    assert done.code == ERROR
    assert [problem["target"] for problem in done.json()["not_scanned"]] == ["profile nobody", "profile sso"]
    assert [line.split(": ")[:3] for line in done.err.splitlines()] == [
        ["error", "not scanned", "profile nobody"],
        ["error", "not scanned", "profile sso"],
    ]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_invalid_region_name(portcullis, command):
    portcullis(*command, "--region", "frankfurt").failed(USAGE, "`frankfurt` is not the name of a region", "eu-central-1")


def test_no_region(portcullis):
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    portcullis("plan", GROUP, env=keys).failed(USAGE, "no region", "--region")
    portcullis("scan", env=keys).failed(USAGE, "no region", "--all-regions")


def test_an_unreachable_endpoint(portcullis):
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    # Port 1 of this machine, so that no packet leaves it. The call makes all its eight attempts.
    nowhere = keys | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    portcullis("scan", *REGION, env=nowhere).failed(ERROR, "sts:GetCallerIdentity", "check the name of the region")


# Inputs.


def scan(portcullis, name: str, *arguments):
    return portcullis("scan", "--input", name, *arguments)


def test_malformed_json_is_reported_with_line_and_column(portcullis):
    text = '{"SecurityGroups": [\n' + json.dumps(groups.described("web")) + ',\n{"GroupId": sg-1}\n]}'
    portcullis.write("groups.json", text)
    done = scan(portcullis, "groups.json", "--format", "csv")
    assert done.code == ERROR
    assert "`groups.json`, line 3, column 13" in done.err
    assert "malformed JSON" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty: did the command that wrote it fail?"),
        (b"{}", "no security groups in an object"),
        (b'{"SecurityGroups": [', "line 1, column"),
        (b'{"Reservations": []}', "no security groups in an object"),
        (b"\x00\x01\x02\xff", "`input`"),
        (b"hello", "`input`"),
        (gzip.compress(json.dumps(groups.groups()).encode())[:-40], "`input`"),
        (gzip.compress(b""), "is empty"),
    ],
    ids=["empty", "object", "cut", "instances", "binary", "text", "truncated gzip", "empty gzip"],
)
def test_an_invalid_input(portcullis, content, problem):
    portcullis.write("input", content)
    done = scan(portcullis, "input", "--format", "csv")
    assert done.code == ERROR
    assert problem in done.err
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert "NON_COMPLIANT" not in done.out


def test_a_page_that_is_not_the_last_is_reported(portcullis):
    portcullis.write("page.json", groups.groups() | {"NextToken": "more"})
    done = scan(portcullis, "page.json")
    assert done.code == ERROR
    assert "NextToken" in done.out


def test_a_missing_input(portcullis):
    scan(portcullis, "missing.json").failed(ERROR, "cannot read missing.json: No such file or directory")


def test_a_directory_without_an_input(portcullis):
    scan(portcullis, ".").failed(ERROR, "`.` has no file that Portcullis reads")


# Options.


@pytest.fixture
def with_groups(portcullis):
    portcullis.write("groups.json", groups.groups())
    return portcullis


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["--ports", "70000"], USAGE, "--ports: `70000` is out of range: ports are 0 to 65535"),
        (["--ports", "ssh"], USAGE, "--ports: `ssh`"),
        (["--ports", "90-80"], USAGE, "--ports: `90-80`"),
        (["--ports", ""], USAGE, "--ports"),
        (["--scope", "everybody"], USAGE, "everybody"),
        (["--authorized-cidr", "1.2.3"], USAGE, "--authorized-cidr: `1.2.3` is not a CIDR such as 192.0.2.0/24"),
        (["--authorized-cidr", "203.0.113.5/24"], USAGE, "write 203.0.113.0/24 for the range, or 203.0.113.5/32 for the address"),
        (["--authorized-cidr", "2001:db8::1/32"], USAGE, "`2001:db8::1/32` has bits behind its prefix"),
        (["--account", "12345"], USAGE, "--account: `12345` is not the id of an account: write its 12 digits"),
        (["--region", "frankfurt"], USAGE, "`frankfurt` is not the name of a region"),
        (["--exemption-tag-key", ""], USAGE, "--exemption-tag-key"),
        (["--format", "pdf"], USAGE, "unknown format `pdf`: use table, json"),
        (["--format", "json", "--format", "csv"], USAGE, "two reports on standard output"),
        (["--output", "report"], USAGE, "unknown format for `report`"),
        (["--output", "a.csv", "--output", "a.csv"], USAGE, "two reports in one file, `a.csv`"),
        (["--output", "nowhere/report.csv"], ERROR, "cannot write the report nowhere/report.csv: No such file"),
        (["--group-id", GROUP], USAGE, "leave them out with --input"),
        (["--tag", "a=b"], USAGE, "leave them out with --input"),
        (["--rule", "portcullis"], USAGE, "--rule"),
        (["--profile", "p"], USAGE, "--profile"),
        (["--concurrency", "0"], USAGE, "--concurrency"),
        (["--exemptions", "missing.json"], ERROR, "cannot read the exemptions file missing.json: No such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_invalid_option(with_groups, arguments, code, problem):
    done = scan(with_groups, "groups.json", *arguments)
    assert (done.code, done.out) == (code, ""), done.err
    assert done.err.startswith("error: ")
    assert problem in done.err


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ('{"version": 1,', "exemptions document is malformed: "),
        ('{"version": 1, "exemptions": [{"securityGroupId": "sg-0123456789abcdef0"}]}', "missing field `expires`"),
        ('{"version": 2, "exemptions": []}', "version"),
        (
            {"version": 1, "exemptions": [{"securityGroupId": GROUP, "expires": "2027-13-01", "reason": "r"}]},
            "entry 1: `expires` `2027-13-01`",
        ),
        ({"version": 1, "exemptions": [{"securityGroupId": GROUP, "expires": "2027-01-01", "reason": " "}]}, "entry 1: `reason` is empty"),
        ({"version": 1, "exemptions": [{"securityGroupId": GROUP, "expires": "2027-01-01", "reason": "r", "port": 1}]}, "`port`"),
    ],
    ids=["cut", "no end", "version", "day", "reason", "key"],
)
def test_a_malformed_exemptions_file(with_groups, document, problem):
    with_groups.write("exemptions.json", document)
    done = scan(with_groups, "groups.json", "--exemptions", "exemptions.json").failed(ERROR, "exemptions.json: ", problem)
    cause = done.err.strip().rsplit(": ", 1)[-1]
    assert done.err.count(cause) == 1, "the cause is repeated"


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (["plan"], "<GROUP>"),
        (["plan", "sg-web"], "`sg-web` is not the id of a security group"),
        (["plan", " "], "the name of a group is empty"),
        (["plan", "web", "--tag", "team=shop"], "--tag"),
        (["close"], "<GROUP>"),
        (["close", "sg-1"], "`sg-1` is not the id of a security group, such as sg-0123456789abcdef0"),
        (["close", GROUP, "--all"], "--all"),
        (["close", GROUP, "--replacement-cidr", "10.0.0.0/8"], "--replacement-cidr is only for --strategy replace"),
        (["close", GROUP, "--strategy", "replace", "--replacement-cidr", "10.0.0.1/8"], "write 10.0.0.0/8 for the range, or 10.0.0.1/32"),
        (["close", GROUP, "--strategy", "burn"], "burn"),
        (["close", GROUP, "--snapshot-dir", "d", "--snapshot-bucket", "b"], "--snapshot-bucket"),
        (["close", GROUP, "--ports", "x"], "--ports: `x`"),
        (["restore"], "<GROUP>"),
        (["restore", GROUP, "--exception-hours", "8761"], "8761 is not in 0..=8760"),
        (["restore", "web"], "`web` is not the id of a security group"),
        (["explain", "sg-web"], "`sg-web` is not the id of a security group"),
        (["exempt", "add", "web", "--expires", "2999-12-31", "--reason", "r"], "`web` is neither sg-… nor vpc-…:name"),
        (["exempt", "add", GROUP, "--expires", "2020-01-01", "--reason", "r"], "--expires: 2020-01-01 is in the past"),
        (["exempt", "add", GROUP, "--expires", "soon", "--reason", "r"], "--expires: `soon` is neither a date such as 2026-12-31"),
        (["exempt", "add", GROUP, "--expires", "2999-12-31", "--reason", " "], "--reason is empty"),
        (["exempt", "add", GROUP, "--expires", "2999-12-31", "--reason", "r", "--ports", "ssh"], "--ports: `ssh`"),
        (["exempt", "add", GROUP, "--expires", "2999-12-31"], "--reason"),
        (["exempt", "add", GROUP, "--expires", "2999-12-31", "--reason", "r", "--account-id", "1"], "--account-id: `1` is not the id"),
        (["exempt", "remove", "vpc-1:"], "is neither sg-… nor vpc-…:name"),
        (["frobnicate"], "frobnicate"),
        (["completions", "cmd"], "cmd"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_invalid_command(portcullis, command, problem):
    where = REGION if command[0] not in ("frobnicate", "completions") else []
    done = portcullis(*command, *where)
    assert (done.code, done.out) == (USAGE, "")
    assert done.err.startswith("error: ")
    assert problem in done.err


def test_no_command_is_answered_with_the_help(portcullis):
    done = portcullis()
    assert (done.code, done.out) == (USAGE, "")
    assert "Usage: portcullis" in done.err
    assert portcullis("--version").code == DONE


def test_a_scan_that_fails_early_keeps_the_previous_report(with_groups):
    with_groups.write("report.csv", "the last one")
    scan(with_groups, "groups.json", "--output", "report.csv", "--ports", "x").failed(USAGE)
    assert with_groups.read("report.csv") == "the last one"
