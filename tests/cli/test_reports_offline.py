"""What the reports of `scan` state: the policy, the breadth of a rule, the order, the lines of a file, and commands that can be pasted."""

import csv
import html
import io
import json
import re
import shlex
import subprocess

import groups
import pytest
import yaml
from command_line import DONE, ERROR, EXPOSED, USAGE, binary

FORMATS = ["table", "json", "jsonl", "csv", "html", "sarif", "asff", "ocsf"]
WHERE = ["--region", groups.REGION]
PORTS15 = "20,21,22,23,25,110,135,143,445,1433,1521,3306,3389,5432,27017"


def group(number: int, *permissions: dict, account: str = groups.ACCOUNT, name: str = "web") -> dict:
    found = {"GroupId": f"sg-{number:017x}", "GroupName": name, "Description": "d", "OwnerId": account, "VpcId": groups.VPC}
    return found | {"IpPermissions": list(permissions), "IpPermissionsEgress": []}


SSH = groups.permission("tcp", 22, 22, "0.0.0.0/0")
ALL = groups.permission("-1", -1, -1, "0.0.0.0/0")
HTTPS = groups.permission("tcp", 443, 443, "0.0.0.0/0")


@pytest.fixture
def scan(portcullis):
    """Writes groups as a file, and scans it."""

    def run(found: list[dict], *arguments, **options):
        portcullis.write("groups.json", {"SecurityGroups": found})
        return portcullis("scan", "groups.json", *arguments, **options)

    run.line = portcullis
    return run


def text_of(fragment: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", fragment))


def html_commands(page: str) -> list[str]:
    return [text_of(code) for code in re.findall(r'<div class="command"><code>(.*?)</code>', page, re.DOTALL)]


# A printed command does what the report says.

POLICY = [
    *["--ports", PORTS15, "--ports", "udp/8000-8100", "--scope", "public"],
    *["--authorized-cidr", "198.51.100.0/24", "--authorized-cidr", "2001:db8::/32"],
    *["--exemptions", "ex; $(touch pwned) 'mptions.json", "--exemption-tag-key", "Let Off"],
]


@pytest.fixture
def reported(scan):
    """The commands that the reports with a long policy have, by format, and the scan that has written them."""
    scan.line.write(POLICY[11], {"version": 1, "exemptions": []})
    found = {}
    for form in ("html", "asff", "sarif", "ocsf"):
        done = scan([group(1, SSH)], *POLICY, *WHERE, "--format", form)
        assert (done.code, done.err) == (EXPOSED, "")
        found[form] = done.out
    finding = json.loads(found["asff"])[0]
    [result] = json.loads(found["sarif"])["runs"][0]["results"]
    commands = {
        "html": next(text for text in html_commands(found["html"]) if text.startswith("portcullis close ")),
        "asff": finding["ProductFields"]["portcullis/close"],
        "page": html_commands(found["html"])[1],
        "sarif": result["message"]["text"].split("To close it: ")[1],
        "ocsf": json.loads(found["ocsf"])["remediation"]["desc"],
    }
    return scan, commands


def pasted(scan, command: str) -> list[str]:
    """The words of a command as the program gets them from a shell."""
    directory = scan.line.directory / "bin"
    directory.mkdir(exist_ok=True)
    for name in ("portcullis", "aws"):
        (directory / name).write_text('#!/bin/sh\nprintf \'%s\\0\' "$0" "$@"\n')
        (directory / name).chmod(0o755)
    environment = {"PATH": f"{directory}:/usr/bin:/bin"}
    done = subprocess.run(["bash", "--norc", "-c", command], cwd=scan.line.directory, env=environment, check=True, stdout=subprocess.PIPE)
    assert not (scan.line.directory / "pwned").exists()
    return done.stdout.decode().split("\0")[1:-1]


@pytest.mark.parametrize("form", ["html", "asff"])
def test_a_command_to_close_states_the_policy_that_was_judged_by(reported, form):
    scan, commands = reported
    words = pasted(scan, commands[form])
    assert words[:2] == ["close", f"sg-{1:017x}"]
    assert words[2] == f"--region={groups.REGION}"
    options = words[3:]
    # Another scan with these options judges by the same policy, whatever the directory it is started in.
    wanted = scan([group(1, SSH)], *POLICY, "--format", "json").json()
    again = scan([group(1, SSH)], *options, "--format", "json").json()
    assert again["scan"]["policy"] == wanted["scan"]["policy"]
    assert again["results"] == wanted["results"]
    policy = wanted["scan"]["policy"]
    assert policy["scope"] == "public"
    assert policy["authorized_cidrs"] == ["198.51.100.0/24", "2001:db8::/32"]
    assert policy["exemptions_file"] == str(scan.line.directory / POLICY[11])
    assert policy["exemption_tag_key"] == "Let Off"
    assert {"udp/8000-8100", "tcp/27017", "udp/20-23"} <= set(policy["ports"])


def test_a_command_to_close_is_understood_by_this_program(reported):
    scan, commands = reported
    if scan.line("close", "--help").code != DONE:
        pytest.skip("this build judges files only")
    for form in ("html", "asff"):
        done = scan.line(*pasted(scan, commands[form]), "--yes")
        # It stops at the credentials, after the whole command line was understood.
        done.failed(ERROR, "no AWS credentials")


@pytest.mark.parametrize("form", ["page", "sarif", "ocsf"])
def test_a_command_to_revoke_names_the_rule(reported, form):
    scan, commands = reported
    words = pasted(scan, commands[form])
    assert words[:4] == ["ec2", "revoke-security-group-ingress", "--group-id", f"sg-{1:017x}"]
    assert json.loads(words[5]) == [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    assert words[6:] == ["--region", groups.REGION]


def test_a_command_that_is_too_long_for_a_format_is_not_cut(scan):
    ports = ",".join(f"tcp/{port}" for port in range(2, 400, 2))
    done = scan([group(1, SSH, ALL)], "--ports", ports, *WHERE, "--format", "asff")
    [finding] = done.json()
    text = finding["Remediation"]["Recommendation"]["Text"]
    assert len(text) <= 512
    assert "portcullis/close" in text
    assert finding["ProductFields"]["portcullis/close"].split("--ports=")[1].split(" ")[0] == ports


# The order, and what is left out.


@pytest.fixture(scope="module")
def many():
    """An account with 1,500 groups that are open on SSH, and three with one or two groups, which come last."""
    some = [group(number, SSH, account="111111111111") for number in range(1_500)]
    wide = groups.permission("tcp", 0, 65535, "0.0.0.0/0")
    partly = groups.permission("tcp", 22, 22, "8.0.0.0/8")
    few = [(partly, "222222222222"), (SSH, "222222222222"), (wide, "333333333333"), (ALL, "444444444444")]
    return some + [group(2_000 + at, permission, account=account) for at, (permission, account) in enumerate(few)]


def test_a_page_has_the_worst_groups_of_every_account(scan, many):
    page = scan(many, "--scope", "public", "--format", "html").out
    accounts = re.findall(r'data-account="(\d+)"', page)
    assert len(accounts) == 1_000
    # All traffic, then a range of ports, then a port.
    assert accounts[:2] == ["444444444444", "333333333333"]
    assert accounts.count("222222222222") == 1, "the group that is partly open is less severe than those of another account"
    assert "1,000 groups with the highest severity of 1,504" in text_of(page)
    assert "The other 504 are in the reports" in text_of(page)
    # The filters count what is not on the page.
    counts = html.unescape(re.search(r'data-all="([^"]*)"', page)[1])
    assert sorted(tuple(line.split("\t")) for line in counts.splitlines()) == [
        ("111111111111", "", "high", "1500"),
        ("222222222222", "", "high", "1"),
        ("222222222222", "", "medium", "1"),
        ("333333333333", "", "high", "1"),
        ("444444444444", "", "high", "1"),
    ]


def test_a_table_begins_with_the_worst(scan, many):
    done = scan(many, "--scope", "public", env={"COLUMNS": "120"})
    found = [line.split()[:2] for line in done.out.splitlines() if " sg-" in line]
    # All traffic, then a range of ports, then a port; last what is open to a part of the internet.
    assert found[:2] == [["high", f"sg-{2_003:017x}"], ["high", f"sg-{2_002:017x}"]]
    assert found[-1] == ["medium", f"sg-{2_000:017x}"]
    assert done.out.splitlines()[-1] == "1504 security groups evaluated: 1504 non-compliant (1503 high, 1 medium)"


# Sentences say the policy.


def exemptions(line, *ids: str) -> list[str]:
    entries = [{"securityGroupId": identifier, "expires": "9999-12-31", "reason": "until the VPN is there"} for identifier in ids]
    line.write("exemptions.json", {"version": 1, "exemptions": entries})
    return ["--exemptions", "exemptions.json"]


def verdict(page: str) -> tuple[str, str]:
    found = re.search(r'<p class="verdict (\w+)">(.*?)</p>', page)
    return text_of(found[2]), found[1]


def test_an_open_port_is_never_good_news(scan):
    wide = groups.permission("tcp", 22, 22, "8.0.0.0/8")
    limit = "No blocked port is open to more than a /8 of IPv4 or a /16 of IPv6 (scope world)."
    assert verdict(scan([group(1, wide)], "--format", "html").out) == (limit, "plain")
    exempt = exemptions(scan.line, f"sg-{2:017x}")
    assert verdict(scan([group(1, wide), group(2, SSH)], *exempt, "--format", "html").out) == (f"{limit} 1 group is exempt.", "plain")
    public = "No blocked port is open to any internet address (scope public)."
    assert verdict(scan([group(1, HTTPS)], "--scope", "public", "--format", "html").out) == (public, "closed")
    authorized = ["--scope", "public", "--authorized-cidr", "8.0.0.0/8"]
    outside = "No blocked port is open to any internet address outside the authorized ranges (scope public)."
    assert verdict(scan([group(1, wide)], *authorized, "--format", "html").out) == (outside, "plain")


def test_a_compliant_group_is_not_called_closed(scan):
    done = scan([group(1, HTTPS)], "--show-all", env={"COLUMNS": "200"})
    assert done.code == DONE
    [row] = [line for line in done.out.splitlines() if "sg-" in line]
    assert row.split()[0] == "compliant"
    assert "closed" not in done.out
    for form in ("asff", "ocsf"):
        told = scan([group(1, HTTPS)], "--show-all", "--account", groups.ACCOUNT, *WHERE, "--format", form).out
        assert "complies with the policy" in told
        assert "closed to the internet" not in told.replace("Blocked ports are closed to the internet", "")


# What was judged.


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_states_what_was_judged(scan, form):
    done = scan([group(1, SSH)], "--scope", "public", "--ports", "tcp/22", *WHERE, "--format", form)
    sentence = "tcp/22 may not be open to any internet address"
    told = text_of(done.out) if form == "html" else done.out
    version = scan.line("--version").out.split()[1]
    if form in ("json", "jsonl", "sarif"):
        document = json.loads(done.out.splitlines()[-1] if form == "jsonl" else done.out)
        run = document["runs"][0]["invocations"][0]["properties"] if form == "sarif" else document
        record = run["scan"]
        assert record["version"] == version
        assert record["policy"] == {
            **{"ports": ["tcp/22"], "scope": "public", "authorized_cidrs": [], "exemptions_file": None},
            **{"exemptions_parameter": None, "exemption_tag_key": None},
        }
        assert (record["inputs"], record["targets"], record["options"]) == (["groups.json"], [], [" ".join(WHERE)])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["created"])
        return
    assert sentence in told
    assert version in told
    if form == "table":
        first, second = done.out.splitlines()[:2]
        assert re.fullmatch(
            rf"Portcullis {version}, \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ, groups.json, account {groups.ACCOUNT}, {groups.REGION}", first
        )
        assert second == f"Policy: {sentence}"
    elif form == "csv":
        [row] = csv.DictReader(io.StringIO(done.out))
        assert (row["policy"], row["version"], row["account"], row["region"]) == (sentence, version, groups.ACCOUNT, groups.REGION)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["scanned_at"])
    elif form == "html":
        facts = dict(re.findall(r"<div><dt>(.*?)</dt><dd><bdi>(.*?)</bdi></dd></div>", done.out))
        assert facts["Policy"] == sentence
        assert facts["Options"] == "--ports=tcp/22 --scope=public"
        assert facts["Files"] == "groups.json"


def test_a_report_without_groups_states_it_too(scan):
    done = scan([], "--ports", "tcp/22")
    assert done.code == DONE
    assert "Policy: tcp/22 may not be open to more than a /8 (IPv4) or /16 (IPv6)\n" in done.out


# Breadth.


@pytest.mark.parametrize("form", FORMATS)
def test_a_rule_for_all_traffic_reads_as_such(scan, form):
    told = scan([group(1, ALL)], *WHERE, "--format", form).out
    assert re.search("all traffic", text_of(told), re.IGNORECASE), told
    assert "22, 3389" in text_of(told) or "tcp/22" in text_of(told), "the blocked ports are named as well"


@pytest.mark.parametrize("columns", [80, 200])
def test_the_ports_of_a_rule_are_on_one_line(scan, columns):
    wide = groups.permission("tcp", 0, 65535, "0.0.0.0/0")
    done = scan([group(1, wide)], "--ports", PORTS15, *WHERE, env={"COLUMNS": str(columns)})
    [row] = [line for line in done.out.splitlines() if "sg-" in line]
    if columns == 200:
        assert "all 15 blocked tcp ports" in row
        assert "all tcp ports" in row
    assert max(map(len, done.out.splitlines())) <= columns


# Severity and the exit code.

PARTLY = groups.permission("tcp", 22, 22, "8.8.8.0/24")
UNJUDGED = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{"PrefixListId": "pl-0f00ba4"}]}


@pytest.mark.parametrize(
    ("permission", "arguments", "code"),
    [
        (SSH, [], EXPOSED),
        (SSH, ["--fail-on", "high"], EXPOSED),
        (SSH, ["--fail-on", "HIGH"], EXPOSED),
        (PARTLY, [], EXPOSED),
        (PARTLY, ["--fail-on", "low"], EXPOSED),
        (PARTLY, ["--fail-on", "medium"], EXPOSED),
        (PARTLY, ["--fail-on", "high"], DONE),
        (SSH, ["--no-fail"], DONE),
        (SSH, ["--no-fail-unjudged"], EXPOSED),
        (UNJUDGED, [], ERROR),
        (UNJUDGED, ["--no-fail"], ERROR),
        (UNJUDGED, ["--fail-on", "high"], ERROR),
        (UNJUDGED, ["--no-fail-unjudged"], DONE),
        (UNJUDGED, ["--no-fail-unjudged", "--no-fail"], DONE),
        (UNJUDGED, ["--no-fail-unjudged", "--fail-on", "high"], DONE),
    ],
)
def test_the_exit_code_follows_the_severity(scan, permission, arguments, code):
    done = scan([group(1, permission)], "--scope", "public", *arguments)
    assert (done.code, done.err) == (code, "")
    # The report is the same.
    lines = [re.sub(r"T\d\d:\d\d:\d\dZ", "", line) for line in done.out.splitlines()]
    assert lines == [re.sub(r"T\d\d:\d\d:\d\dZ", "", line) for line in scan([group(1, permission)], "--scope", "public").out.splitlines()]


def test_nothing_excuses_what_was_not_scanned(scan):
    found = [group(1, HTTPS), {"GroupId": f"sg-{2:017x}"}]
    assert scan(found, "--no-fail", "--no-fail-unjudged").code == ERROR


def test_a_severity_that_files_never_have_is_refused(scan):
    done = scan([group(1, SSH)], "--fail-on", "critical")
    done.failed(USAGE, "--fail-on critical would never fail", "use --fail-on high")
    assert scan([group(1, SSH)], "--fail-on", "urgent").code == USAGE
    assert scan([group(1, SSH)], "--fail-on", "high", "--no-fail").code == USAGE


# File, line and snippet.

TEMPLATE = """\
Resources:
  Web:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: web
      SecurityGroupIngress:
        - IpProtocol: tcp
          FromPort: 443
          ToPort: 443
          CidrIp: 0.0.0.0/0
        - IpProtocol: tcp
          FromPort: 22
          ToPort: 22
          CidrIp: 0.0.0.0/0
  Database:
    Type: AWS::EC2::SecurityGroup
    Properties: {GroupDescription: d}
"""


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_a_table_has_file_and_line_and_the_lines_at_fault(portcullis, columns):
    portcullis.write("web.yaml", TEMPLATE)
    done = portcullis("scan", "web.yaml", env={"COLUMNS": str(columns)})
    assert done.code == EXPOSED
    assert "web.yaml:11" in done.out
    lines = [line.strip() for line in done.out.splitlines() if " | " in line]
    assert lines == [
        "2 | Web:",
        "| …",
        "11 |       - IpProtocol: tcp",
        "12 |         FromPort: 22",
        "13 |         ToPort: 22",
        "> 14 |         CidrIp: 0.0.0.0/0",
    ]
    assert max(map(len, done.out.splitlines())) <= columns


def test_sarif_and_the_page_have_the_lines_as_well(portcullis):
    portcullis.write("web.yaml", TEMPLATE)
    [result] = portcullis("scan", "web.yaml", "--format", "sarif").json()["runs"][0]["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region["startLine"] == 11
    page = portcullis("scan", "web.yaml", "--format", "html").out
    assert "web.yaml:2" in page
    assert "<mark>" in page
    assert "CidrIp: 0.0.0.0/0" in text_of(page)


@pytest.mark.parametrize("kind", ["standard input", "one line", "another line ending"])
def test_a_file_without_lines_to_show_is_reported_all_the_same(portcullis, kind):
    document = yaml.safe_load(TEMPLATE)
    if kind == "standard input":
        done = portcullis("scan", "-", stdin=TEMPLATE)
        assert "standard input:11" in done.out
        assert " | " not in done.out
    elif kind == "one line":
        document["Metadata"] = "x" * 500
        portcullis.write("web.json", json.dumps(document))
        done = portcullis("scan", "web.json")
        assert " | " not in done.out
    else:
        portcullis.write("web.yaml", TEMPLATE.replace("\n", "\r\n"))
        done = portcullis("scan", "web.yaml")
        assert "> 14 |         CidrIp: 0.0.0.0/0\n" in done.out
    assert done.code == EXPOSED


def test_lines_of_a_file_do_not_steer_the_terminal(portcullis):
    portcullis.write("web.yaml", TEMPLATE.replace("CidrIp: 0.0.0.0/0", "CidrIp: 0.0.0.0/0  # \u202e"))
    done = portcullis("scan", "web.yaml")
    assert done.code == EXPOSED
    assert "\u202e" not in done.out
    assert binary().exists()


def test_shell_words_of_the_record_are_quoted_once(scan):
    """The options in the page can be pasted behind `portcullis scan`."""
    page = scan([group(1, SSH)], "--ports", "22", "--format", "html").out
    facts = dict(re.findall(r"<div><dt>(.*?)</dt><dd><bdi>(.*?)</bdi></dd></div>", page))
    assert shlex.split(html.unescape(facts["Options"])) == ["--ports=22", "--scope=world"]
