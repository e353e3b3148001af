"""`portcullis scan --input`: formats, inputs, options and exit codes, without AWS."""

import csv
import gzip
import io
import json
import os
import pty
import subprocess

import groups
import pytest
import yaml
from command_line import DONE, ERROR, EXPOSED, USAGE, check_snapshot, masked

FORMATS = ["table", "json", "jsonl", "csv", "html", "sarif", "asff", "ocsf"]
KINDS = {
    "groups.json": groups.groups(),
    "pages.json": json.dumps({"SecurityGroups": groups.groups()["SecurityGroups"][:1]})
    + json.dumps({"SecurityGroups": groups.groups()["SecurityGroups"][1:]}),
    "list.json": groups.groups()["SecurityGroups"],
    "groups.jsonl": groups.json_lines(),
    "groups.yaml": yaml.safe_dump(groups.groups()),
    "rules.json": groups.group_rules(),
    "rules.yaml": yaml.safe_dump(groups.group_rules()),
    "snapshot.json": groups.snapshot(),
    "history.json": groups.history(),
    "select.json": groups.selected(),
    "template.json": groups.template(),
    "template.yaml": yaml.safe_dump(groups.template()),
    "plan.json": groups.plan(),
    "utf16.json": json.dumps(groups.groups()).encode("utf-16"),
}
WHERE = ["--region", groups.REGION]


@pytest.fixture
def scan(portcullis):
    """Scans the groups of `groups.py` from a file."""
    portcullis.write("groups.json", groups.groups())

    def run(*arguments, **options):
        return portcullis("scan", "--input", "groups.json", *arguments, **options)

    run.line = portcullis
    return run


def verdicts(report: dict) -> dict[str, str]:
    return {groups.name_of(found["group_id"]): found["compliance"] for found in report["results"]}


def statuses(report: dict) -> dict[str, str]:
    return {groups.name_of(found["group_id"]): found["status"] for found in report["results"]}


# The formats.


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_matches_its_snapshot(scan, form):
    done = scan(*WHERE, "--format", form)
    assert (done.code, done.err) == (EXPOSED, "")
    check_snapshot(f"scan-{form}", done.out)


def test_a_table_of_all_groups_matches_its_snapshot(scan):
    done = scan(*WHERE, "--show-all")
    assert done.code == EXPOSED
    check_snapshot("scan-table-all", done.out)


def test_groups_that_cannot_be_judged_match_their_snapshot(portcullis):
    unjudged = groups.described("office")
    of_list = {"IpRanges": [], "PrefixListIds": [{"PrefixListId": "pl-0f00ba4"}]}
    unjudged["IpPermissions"] = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, **of_list}]
    undescribed = {key: value for key, value in groups.described("web").items() if key != "IpPermissions"}
    portcullis.write("groups.json", {"SecurityGroups": [groups.described("database"), unjudged, undescribed]})
    for form in ("table", "csv", "json"):
        done = portcullis("scan", "--input", "groups.json", *WHERE, "--format", form)
        assert done.code == ERROR
        # A table contains it itself.
        told = done.out if form == "table" else done.err
        assert "not scanned: sg-0aaaaaaaaaaaaaaaa (`groups.json`, line 59, column 3, record 3): " in told
        check_snapshot(f"scan-unjudged-{form}", done.out + done.err)


# The inputs.


@pytest.mark.parametrize("name", KINDS)
def test_every_input_gives_the_same_verdicts(portcullis, name):
    portcullis.write(name, KINDS[name])
    done = portcullis("scan", "--input", name, "--format", "json")
    assert (done.code, done.err) == (EXPOSED, "")
    assert verdicts(done.json()) == groups.VERDICTS


def test_an_event_of_one_group(portcullis):
    invoking = {"messageType": "ConfigurationItemChangeNotification", "configurationItem": groups.item("web")}
    portcullis.write("event.json", {"invokingEvent": json.dumps(invoking), "ruleParameters": "{}", "resultToken": "t"})
    done = portcullis("scan", "--input", "event.json", "--format", "json")
    assert done.code == EXPOSED
    assert verdicts(done.json()) == {"web": "NON_COMPLIANT"}


@pytest.mark.parametrize("name", ["groups.json", "groups.yaml", "plan.json"])
def test_standard_input_and_gzip(portcullis, name):
    portcullis.write(name, KINDS[name])
    plain = (portcullis.directory / name).read_bytes()
    wanted = masked(portcullis("scan", "--input", name, "--format", "csv").out)
    portcullis.write(f"{name}.gz", gzip.compress(plain))
    assert masked(portcullis("scan", "--input", f"{name}.gz", "--format", "csv").out) == wanted.replace(name, f"{name}.gz")
    for given in (plain, gzip.compress(plain)):
        done = portcullis("scan", "--input", "-", "--format", "csv", stdin=given)
        assert done.code == EXPOSED
        columns = ("group_id", "compliance", "protocol", "source", "ports")
        assert [[row[c] for c in columns] for row in rows(done.out)] == [[row[c] for c in columns] for row in rows(wanted)]


def test_several_inputs_are_one_report(portcullis):
    for name in ("web", "database"):
        portcullis.write(f"{name}.json", groups.described(name))
    done = portcullis("scan", "--input", "web.json", "--input", "database.json", "--format", "json")
    assert done.code == EXPOSED
    assert verdicts(done.json()) == {"web": "NON_COMPLIANT", "database": "COMPLIANT"}


def test_an_unreadable_input_does_not_affect_the_others(portcullis):
    portcullis.write("web.json", groups.described("web"))
    portcullis.write("broken.json", '{"SecurityGroups": [')
    done = portcullis("scan", "--input", "broken.json", "--input", "web.json", "--format", "json")
    assert done.code == ERROR
    assert verdicts(done.json()) == {"web": "NON_COMPLIANT"}
    [problem] = done.json()["not_scanned"]
    assert problem["target"] == "broken.json"
    assert "error: not scanned: broken.json: " in done.err


def test_a_missing_input_does_not_affect_the_others(portcullis):
    portcullis.write("web.json", groups.described("web"))
    done = portcullis("scan", "--input", "missing.json", "--input", "web.json", "--format", "json")
    assert done.code == ERROR
    assert verdicts(done.json()) == {"web": "NON_COMPLIANT"}
    assert [problem["target"] for problem in done.json()["not_scanned"]] == ["missing.json"]


def test_an_input_without_groups_is_compliant(portcullis):
    portcullis.write("none.json", {"SecurityGroups": []})
    done = portcullis("scan", "--input", "none.json")
    assert (done.code, done.err) == (DONE, "")
    assert done.out.splitlines()[-1] == "0 security groups evaluated: none non-compliant"
    assert "GROUP" not in done.out


def test_account_and_region_default_to_those_on_the_command_line(scan, portcullis):
    [found, *_] = scan("--format", "json").json()["results"]
    assert (found["account"], found["region"]) == (groups.ACCOUNT, None)
    portcullis.write("plan.json", groups.plan())
    done = portcullis("scan", "--input", "plan.json", "--account", "999999999999", *WHERE, "--format", "json")
    assert {(found["account"], found["region"]) for found in done.json()["results"]} == {("999999999999", groups.REGION)}


# The outputs.


def test_several_reports_of_one_scan(scan):
    files = ["report.html", "report.csv", "report.sarif", "report.asff.json", "report.ocsf.json", "report.jsonl"]
    arguments = [argument for name in files for argument in ("--output", name)]
    done = scan(*WHERE, *arguments, "--output", "-", "--format", "table")
    assert done.code == USAGE, "the format is that of the first file, and - has none"
    done = scan(*WHERE, *arguments)
    assert (done.code, done.out, done.err) == (EXPOSED, "", "")
    for name, form in zip(files, ["html", "csv", "sarif", "asff", "ocsf", "jsonl"], strict=True):
        alone = scan(*WHERE, "--format", form).out
        assert len(scan.line.read(name)) == len(alone), name
    assert json.loads(scan.line.read("report.sarif"))["version"] == "2.1.0"


def test_the_table_says_which_of_several_files_has_a_group(portcullis):
    for name in ("a.json", "b.json"):
        portcullis.write(name, groups.groups())
    done = portcullis("scan", "a.json", "b.json", env={"COLUMNS": "200"})
    rows = [line for line in done.out.splitlines() if groups.IDS["web"] in line]
    assert [sum(name in row for row in rows) for name in ("a.json", "b.json")] == [2, 2]
    found = portcullis("scan", "a.json", "b.json", "--format", "json").json()["results"]
    assert {one["location"]["file"] for one in found} == {"a.json", "b.json"}
    # They are groups of an account, which can be closed.
    assert f"portcullis close {groups.IDS['web']}" in portcullis("scan", "a.json", "b.json", "--format", "html").out


def test_a_file_that_is_named_twice_is_read_once(portcullis):
    portcullis.write("a.json", groups.groups())
    once, twice = (portcullis("scan", *names, "--format", "json").json() for names in (["a.json"], ["a.json", "./a.json"]))
    assert twice["groups_evaluated"] == once["groups_evaluated"] == 4


@pytest.mark.parametrize("name", ["groups.json", "./groups.json", "link.json"])
def test_a_report_does_not_replace_an_input(portcullis, scan, name):
    os.symlink("groups.json", portcullis.directory / "link.json")
    before = (portcullis.directory / "groups.json").read_bytes()
    scan("--format", "json", "--output", name).failed(USAGE, "a report would replace the input `groups.json`")
    assert (portcullis.directory / "groups.json").read_bytes() == before


def test_a_file_and_standard_output(scan):
    done = scan("--format", "json", "--format", "table", "--output", "report")
    assert done.code == EXPOSED
    assert verdicts(json.loads(scan.line.read("report"))) == groups.VERDICTS
    assert done.out.splitlines()[-1] == "4 security groups evaluated: 2 non-compliant (2 high)"


def test_no_fail(scan):
    assert scan("--no-fail").code == DONE
    assert masked(scan("--no-fail").out) == masked(scan().out)


def test_no_fail_does_not_cover_parts_that_were_not_scanned(portcullis):
    portcullis.write("odd.json", {"SecurityGroups": [groups.described("web"), {"GroupId": "sg-0eeeeeeeeeeeeeeee"}]})
    done = portcullis("scan", "--input", "odd.json", "--no-fail")
    assert done.code == ERROR
    assert "not scanned: sg-0eeeeeeeeeeeeeeee (`odd.json`, line " in done.out


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_table_keeps_within_the_columns(scan, columns):
    done = scan(*WHERE, env={"COLUMNS": str(columns)})
    assert max(map(len, done.out.splitlines())) <= columns
    for identifier in ("web", "anything"):
        assert groups.IDS[identifier] in done.out
    check_snapshot(f"scan-table-{columns}", done.out)


@pytest.mark.parametrize("columns", ["0", "1", "nonsense", "65535"])
def test_odd_columns_are_accepted(scan, columns):
    done = scan(env={"COLUMNS": columns})
    assert (done.code, done.err) == (EXPOSED, "")
    assert "4 security groups" in done.out


def test_a_pipe_has_no_colours_and_a_terminal_has(scan):
    assert "\x1b" not in scan().out
    terminal = on_a_terminal(scan.line, "scan", "--input", "groups.json", "--quiet")
    assert "\x1b[" in terminal
    assert "\x1b[" not in on_a_terminal(scan.line, "scan", "--input", "groups.json", "--quiet", env={"NO_COLOR": "1"})


def on_a_terminal(line, *arguments, env: dict | None = None) -> str:
    """Standard output of the command on a terminal."""
    ours, theirs = pty.openpty()
    try:
        process = line.start(*arguments, env={"COLUMNS": "100", "TERM": "xterm", **(env or {})}, stdout=theirs)
        os.close(theirs)
        text = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                # Linux reports a terminal without an open end as an error.
                break
            if not piece:
                break
            text += piece
        process.wait(timeout=60)
    finally:
        os.close(ours)
    return text.decode()


def test_a_closed_pipe_is_not_an_error_message(scan):
    scan.line.write("many.jsonl", groups.json_lines() * 20_000)
    process = scan.line.start("scan", "--input", "many.jsonl", "--format", "jsonl", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == ERROR


# The policy.


def test_ports(scan):
    done = scan("--ports", "tcp/443", "--ports", "8000-8100", "--format", "json")
    assert verdicts(done.json()) == groups.VERDICTS
    done = scan("--ports", "tcp/21,udp/53", "--format", "json")
    assert verdicts(done.json()) == dict.fromkeys(groups.RULES, "COMPLIANT") | {"anything": "NON_COMPLIANT"}


def test_scope_public(scan):
    found = scan("--scope", "public", "--format", "json")
    assert found.code == EXPOSED
    assert verdicts(found.json()) == groups.VERDICTS | {"office": "NON_COMPLIANT"}
    assert statuses(found.json())["office"] == "open_partly"
    assert masked(scan("--scope", "PUBLIC", "--format", "csv").out) == masked(scan("--scope", "public", "--format", "csv").out)


def test_an_authorized_cidr(scan):
    public = ["--scope", "public", "--format", "json"]
    assert verdicts(scan(*public, "--authorized-cidr", "8.8.0.0/16").json())["office"] == "COMPLIANT"
    assert verdicts(scan(*public, "--authorized-cidr", "8.8.8.0/25").json())["office"] == "NON_COMPLIANT"
    everybody = scan("--format", "json", "--authorized-cidr", "0.0.0.0/0,::/0")
    assert everybody.code == DONE
    assert set(verdicts(everybody.json()).values()) == {"COMPLIANT"}


def exemption(name: str, **more) -> dict:
    return {"securityGroupId": groups.IDS[name], "expires": "9999-12-31", "reason": "until the VPN is there", **more}


def test_an_exemptions_file(scan):
    scan.line.write("exemptions.json", {"version": 1, "exemptions": [exemption("web"), exemption("anything", ports="22")]})
    done = scan("--exemptions", "exemptions.json", "--format", "json")
    assert done.code == EXPOSED
    assert verdicts(done.json()) == groups.VERDICTS | {"web": "COMPLIANT"}
    scan.line.write("exemptions.json", {"version": 1, "exemptions": [exemption("web"), exemption("anything")]})
    assert scan("--exemptions", "exemptions.json").code == DONE
    told = scan("--exemptions", "exemptions.json", "--show-all", env={"COLUMNS": "400"}).out
    check_snapshot("scan-exempt", told.replace(str(scan.line.directory), "DIRECTORY"))


def test_an_expired_exemption_has_no_effect(scan):
    expired = [exemption(name, expires="2020-12-31") for name in groups.RULES]
    scan.line.write("exemptions.json", {"version": 1, "exemptions": expired})
    assert verdicts(scan("--exemptions", "exemptions.json", "--format", "json").json()) == groups.VERDICTS


def test_an_exemption_tag(scan):
    tagged = [group | {"Tags": [{"Key": "LetOff", "Value": "moving"}]} for group in groups.groups()["SecurityGroups"]]
    scan.line.write("groups.json", {"SecurityGroups": tagged})
    assert scan().code == EXPOSED
    assert scan("--exemption-tag-key", "letoff").code == EXPOSED
    assert scan("--exemption-tag-key", "LetOff").code == DONE


# The configuration file.


def rows(text: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_configuration_file_is_equivalent_to_the_command_line(scan):
    scan.line.write("p.toml", 'ports = "443"\n[scan]\nscope = "public"\nformat = ["csv"]\nno-fail = true\nquiet = false\n')
    done = scan("--config", "p.toml")
    assert done.code == DONE
    assert masked(done.out) == masked(scan("--ports", "443", "--scope", "public", "--format", "csv").out)
    assert {row["group_id"] for row in rows(done.out)} == {groups.IDS["web"], groups.IDS["anything"]}
    assert masked(scan(env={"PORTCULLIS_CONFIG": "p.toml"}).out) == masked(done.out)


@pytest.mark.parametrize("ports", ['"22,443"', '["22", "443"]', "[22, 443]"])
def test_values_of_every_kind(scan, ports):
    scan.line.write("p.toml", f"ports = {ports}\n[scan]\nconcurrency = 2\n")
    done = scan("--config", "p.toml", "--format", "csv")
    assert done.code == EXPOSED
    assert masked(done.out) == masked(scan("--ports", "22,443", "--format", "csv").out)


def test_a_number_for_ports(scan):
    scan.line.write("p.toml", "ports = 443\n")
    assert masked(scan("--config", "p.toml", "--format", "csv").out) == masked(scan("--ports", "443", "--format", "csv").out)


def test_the_command_line_takes_precedence(scan):
    scan.line.write("p.toml", 'ports = [1, 2]\nformat = ["html"]\n')
    done = scan("--config", "p.toml", "--ports", "443", "--format", "csv")
    assert masked(done.out) == masked(scan("--ports", "443", "--format", "csv").out)


def test_the_table_of_a_command_takes_precedence(scan):
    scan.line.write("p.toml", "ports = 1\n[scan]\nports = 443\n[close]\nports = 2\nyes = true\n")
    done = scan("--config", "p.toml", "--format", "csv")
    assert masked(done.out) == masked(scan("--ports", "443", "--format", "csv").out)


def test_an_input_of_the_configuration_file(portcullis):
    portcullis.write("groups.json", groups.groups())
    portcullis.write("p.toml", '[scan]\ninput = "groups.json"\n')
    assert portcullis("scan", "--config", "p.toml").code == EXPOSED


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("prots = 22", "`prots`"),
        ("[scna]\nports = 22", "`scna`"),
        ("[scan]\nyes = true", "`portcullis scan` has no option `yes`"),
        ("[scan]\nno-fail = 1", "option `no-fail`: use true or false"),
        ("ports = 22.5", "option `ports`: use a string"),
        ("ports = true", "option `ports`: use a string"),
        ("ports = [[22]]", "option `ports`: nested lists"),
        ("ports = ", "p.toml is not TOML"),
    ],
)
def test_a_mistake_in_the_configuration_file(scan, text, problem):
    scan.line.write("p.toml", text)
    done = scan("--config", "p.toml")
    assert done.code in (ERROR, USAGE)
    assert done.out == ""
    assert problem in done.err
    assert "p.toml" in done.err


def test_a_value_that_the_option_does_not_accept(scan):
    scan.line.write("p.toml", '[scan]\nscope = "everywhere"\n')
    done = scan("--config", "p.toml")
    assert (done.code, done.out) == (USAGE, "")
    assert "everywhere" in done.err


def test_a_missing_configuration_file(scan):
    scan("--config", "missing.toml").failed(ERROR, "missing.toml")
