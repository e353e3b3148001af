"""A scan of a million groups needs no more memory than one of ten."""

import json
import os
import time

import pytest
from command_line import EXPOSED, CommandLine

GROUPS = int(os.environ.get("MEMORY_TEST_GROUPS", "1000000"))
LIMIT = 200 * 1024 * 1024
OPEN_EVERY = 10


def described(number: int) -> dict:
    cidr = "0.0.0.0/0" if number % OPEN_EVERY == 0 else "10.0.0.0/8"
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": cidr}]}
    return {
        "GroupId": f"sg-{number:017x}",
        "GroupName": f"group-{number}",
        "OwnerId": "111122223333",
        "VpcId": "vpc-0a1b2c3d4e5f60718",
        "Description": "made for a test",
        "IpPermissions": [rule | {"Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}],
        "IpPermissionsEgress": [],
        "Tags": [],
    }


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("groups") / "groups.json"
    with path.open("w") as out:
        out.write('{"SecurityGroups":[')
        for number in range(GROUPS):
            out.write("," if number else "")
            out.write(json.dumps(described(number), separators=(",", ":")))
        out.write("]}")
    yield path
    # Half a gigabyte, of which pytest would keep three copies.
    path.unlink()


def peak(portcullis: CommandLine, *arguments, **options) -> int:
    """Peak memory of a scan, in bytes."""
    began = time.monotonic()
    process = portcullis.start("scan", *arguments, **options)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == EXPOSED
    print(f"{GROUPS} groups: {usage.ru_maxrss // 1024} MB, {time.monotonic() - began:.1f} s")
    return usage.ru_maxrss * 1024


def test_json_of_many_groups(portcullis, file):
    report = portcullis.directory / "report.json"
    # Directory for the report that waits for its counts, removed after the test.
    assert peak(portcullis, "--input", file, "--format", "json", "--output", report, env={"TMPDIR": str(portcullis.directory)}) < LIMIT
    with report.open() as lines:
        head = json.loads(next(lines).rstrip().removesuffix(',"results":[') + "}")
        results = sum(line.startswith('{"group_id"') for line in lines)
    report.unlink()
    assert head["groups_evaluated"] == results == GROUPS
    assert head["noncompliant"] == -(-GROUPS // OPEN_EVERY)
    assert head["not_scanned"] == []


def test_html_and_csv_of_many_groups(portcullis, file):
    assert peak(portcullis, "--input", file, "--output", "report.html", "--output", "report.csv") < LIMIT
    with (portcullis.directory / "report.csv").open() as lines:
        assert sum(1 for _ in lines) == 1 + -(-GROUPS // OPEN_EVERY)
    assert "group-0" in portcullis.read("report.html")
