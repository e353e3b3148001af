"""Against the local cloud: scan, plan, close, restore, exempt and explain."""

import json
import pathlib
import re
import subprocess
import sys

import boto3
import pytest
from command_line import DONE, ERROR, EXPOSED, USAGE, CommandLine, check_snapshot
from live_cloud import ACCOUNT, HTTPS, INSIDE, PARAMETER, SSH, WIDE, changes, close, ports, rules, snapshots, tcp

BUCKET = "portcullis-snapshots"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}],
}


def verdicts(report: dict) -> dict[str, str]:
    return {found["group_id"]: found["compliance"] for found in report["results"]}


def of_group(report: dict, group: str) -> dict:
    [found] = [found for found in report["results"] if found["group_id"] == group]
    return found


# Scan.


def test_a_scan_has_rule_ids_account_and_region(fresh, live):
    group, inside = fresh.group("web", SSH, HTTPS), fresh.group("inside", INSIDE)
    done = live("scan", "--format", "json")
    assert (done.code, done.err) == (EXPOSED, "")
    found = of_group(done.json(), group)
    assert (found["account"], found["region"]) == (ACCOUNT, fresh.endpoints["region"])
    assert [exposure["ports"] for exposure in found["exposures"]] == [["tcp/22"]]
    assert found["exposures"][0]["rule_id"].startswith("sgr-")
    assert verdicts(done.json())[inside] == "COMPLIANT"


def test_the_context_makes_it_critical(fresh, live):
    ec2 = fresh.client("ec2")
    public, detached = fresh.group("public", SSH), fresh.group("detached", SSH)
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=subnet, Groups=[public])["NetworkInterface"]["NetworkInterfaceId"]
    address = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=interface)
    done = live("scan", "--with-context", "--format", "json")
    assert done.code == EXPOSED
    found = of_group(done.json(), public)
    assert found["severity"] == "critical"
    [attached] = found["context"]["attached_to"]
    assert attached["network_interface_id"] == interface
    assert attached["public_addresses"] == [address["PublicIp"]]
    assert of_group(done.json(), detached)["severity"] == "low"
    assert "on a public address" in live("scan", "--with-context").out
    assert of_group(live("scan", "--format", "json").json(), public)["severity"] == "high"
    assert live("scan", "--fail-on", "critical").code == EXPOSED
    assert live("scan", "--fail-on", "critical", "--group-id", detached).code == DONE


def test_a_file_of_the_aws_cli_gives_the_same_verdicts(fresh, live):
    for number, permissions in enumerate(([SSH], [HTTPS], [WIDE, INSIDE], [INSIDE], [])):
        fresh.group(f"group-{number}", *permissions)
    command = [pathlib.Path(sys.executable).with_name("aws"), "ec2", "describe-security-groups", "--output", "json"]
    described = subprocess.run(command, env=fresh.environment(), check=True, stdout=subprocess.PIPE).stdout
    live.write("groups.json", described)
    offline, online = live("scan", "--input", "groups.json", "--format", "json"), live("scan", "--format", "json")
    assert offline.code == online.code == EXPOSED
    assert verdicts(offline.json()) == verdicts(online.json())
    assert len(verdicts(online.json())) >= 6


def test_only_some_groups(fresh, live):
    tagged, other = fresh.group("tagged", SSH, tags={"Team": "a"}), fresh.group("other", SSH)
    vpc = fresh.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    chosen = {
        ("--group-id", other): {other},
        ("--group-id", f"{other},{tagged}"): {other, tagged},
        ("--tag", "Team"): {tagged},
        ("--tag", "Team=a"): {tagged},
        ("--tag", "Team=b"): set(),
    }
    for arguments, wanted in chosen.items():
        assert set(verdicts(live("scan", *arguments, "--format", "json").json())) == wanted, arguments
    done = live("scan", "--vpc-id", vpc, "--format", "json")
    assert done.code == DONE
    assert len(verdicts(done.json())) == 1


def test_filters_that_match_nothing_are_repeated(fresh, live):
    fresh.group("web", SSH)
    place = f"in {fresh.endpoints['region']}, account {ACCOUNT}"
    wanted = f"no security group matches --vpc-id vpc-1 --tag team=shop {place}\n"
    for command in (["plan"], ["close", "--yes"]):
        done = live(*command, "--vpc-id", "vpc-1", "--tag", "team=shop")
        assert (done.code, done.out, done.err.splitlines()[0]) == (ERROR, "", f"error: {wanted.strip()}")
    done = live("scan", "--vpc-id", "vpc-1", "--tag", "team=shop", "--format", "csv")
    assert (done.code, done.err) == (ERROR, f"error: {wanted}")
    assert live("scan", "--vpc-id", "vpc-1", "--tag", "team=shop").out.endswith(f"\nerror: {wanted}")


def test_the_log_follows_a_scan(fresh, live):
    fresh.group("web", SSH)
    done = live("scan", "-v", "--format", "json")
    assert done.code == EXPOSED
    region = fresh.endpoints["region"]
    [page] = [line for line in done.err.splitlines() if "page of security groups judged" in line]
    for field in (f'account.id="{ACCOUNT}"', f'region="{region}"', "groups=", "open=1", "duration_ms=", "last=true"):
        assert field in page, page
    assert "policy found" in done.err
    assert "credentials obtained" in done.err
    live.write("groups.json", {"SecurityGroups": []})
    assert "files read files=1 groups=0" in live("scan", "-v", "--input", "groups.json").err


def test_a_missing_group_is_reported_as_not_scanned(fresh, live):
    group = fresh.group("web", SSH)
    done = live("scan", "--group-id", f"{group},sg-0123456789abcdef0", "--format", "json")
    assert done.code == ERROR
    assert verdicts(done.json()) == {group: "NON_COMPLIANT"}
    assert [problem["target"] for problem in done.json()["not_scanned"]] == ["sg-0123456789abcdef0"]


def test_a_region_that_fails_is_listed(fresh, live):
    fresh.group("web", SSH)
    fresh.fault(service="ec2", action="DescribeSecurityGroups", kind="accessDenied", times=1)
    region = fresh.endpoints["region"]
    done = live("scan", "--region", region, "--format", "json")
    assert done.code == ERROR
    [problem] = done.json()["not_scanned"]
    assert (problem["account"], problem["region"]) == (ACCOUNT, region)
    assert "UnauthorizedOperation" in problem["reason"] or "AccessDenied" in problem["reason"]
    assert f"error: not scanned: {ACCOUNT} {region}: " in done.err
    assert live("scan", "--no-fail").code == DONE


def role(cloud, name: str) -> str:
    iam = cloud.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    actions = ["ec2:Describe*", "config:DescribeConfigRules", "ssm:GetParameter"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    return arn


@pytest.fixture
def auditor(fresh, live) -> CommandLine:
    """A user who may assume roles, unlike the root."""
    iam = fresh.client("iam")
    iam.create_user(UserName="auditor")
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="auditor", PolicyName="p", PolicyDocument=policy)
    key = iam.create_access_key(UserName="auditor")["AccessKey"]
    live.environment |= {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    return live


def test_a_failing_role_does_not_affect_the_others(fresh, auditor):
    group, good = fresh.group("web", SSH), role(fresh, "audit")
    missing = f"arn:aws:iam::{ACCOUNT}:role/missing"
    done = auditor("scan", "--assume-role-arn", missing, "--assume-role-arn", good, "--format", "json")
    assert done.code == ERROR
    assert verdicts(done.json())[group] == "NON_COMPLIANT"
    [problem] = done.json()["not_scanned"]
    assert problem["account"] == ACCOUNT
    assert done.err.startswith(f"error: not scanned: {ACCOUNT}: ")
    alone = auditor("scan", "--assume-role-arn", good, "--format", "json")
    assert (alone.code, verdicts(alone.json())) == (EXPOSED, verdicts(done.json()))
    auditor("scan", "--assume-role-arn", missing).failed(ERROR)


def test_throttled_calls_are_retried(fresh, live):
    group = fresh.group("web", SSH)
    fresh.fault(service="ec2", action="DescribeSecurityGroups", times=2)
    fresh.fault(service="ec2", action="DescribeSecurityGroupRules", times=1)
    done = live("scan", "--format", "json")
    assert (done.code, done.err) == (EXPOSED, "")
    assert verdicts(done.json())[group] == "NON_COMPLIANT"
    assert [fault["injected"] for fault in fresh.control("GET", "/faults")] == [2, 1]


# Plan.


def test_a_plan_shows_what_would_change_and_changes_nothing(fresh, live):
    group, before = fresh.group("web", SSH, HTTPS, INSIDE), fresh.mark()
    held = rules(fresh, group)
    done = live("plan", group)
    assert (done.code, done.err) == (EXPOSED, "")
    assert done.out.splitlines()[0] == f"{group} (web) in {fresh.endpoints['region']}, account {ACCOUNT}"
    [removed] = [line for line in done.out.splitlines() if line.startswith("  - ")]
    assert removed.split()[:3] == ["-", "tcp/22", "0.0.0.0/0"]
    assert done.out.splitlines()[-1] == "  would revoke 1 rule (nothing changed)"
    assert "\x1b" not in done.out
    assert changes(fresh, before) == []
    assert rules(fresh, group) == held
    assert not (live.home / ".local").exists()


def test_a_plan_in_json(fresh, live):
    group, inside = fresh.group("web", SSH), fresh.group("inside", INSIDE)
    done = live("plan", group, inside, "--json")
    assert done.code == EXPOSED
    assert [(one["securityGroupId"], one["status"]) for one in done.lines()] == [(group, "PLANNED"), (inside, "NOTHING_TO_DO")]
    assert done.err == "1 to close, 1 with nothing to do, 0 failed\n"
    assert live("plan", inside).code == DONE


def test_a_plan_to_carve_and_to_replace(fresh, live):
    group = fresh.group("web", WIDE)
    carved = live("plan", group, "--strategy", "carve")
    assert carved.out.splitlines()[-1] == "  would revoke 1 rule and add 2 (nothing changed)"
    signs = [tuple(line.split()[:3]) for line in carved.out.splitlines() if line.startswith(("  + ", "  - "))]
    assert signs == [("-", "tcp/20-25", "0.0.0.0/0"), ("+", "tcp/20-21", "0.0.0.0/0"), ("+", "tcp/23-25", "0.0.0.0/0")]
    replaced = live("plan", group, "--strategy", "replace", "--replacement-cidr", "192.168.0.0/16")
    signs = [tuple(line.split()[:3]) for line in replaced.out.splitlines() if line.startswith(("  + ", "  - "))]
    assert signs == [("-", "tcp/20-25", "0.0.0.0/0"), ("+", "tcp/20-25", "192.168.0.0/16")]


@pytest.mark.parametrize("command", [["plan"], ["close", "--yes"], ["close", "--dry-run"]], ids=" ".join)
def test_a_missing_group_is_an_error(live, command):
    done = live(*command, "sg-0123456789abcdef0")
    assert (done.code, done.out) == (ERROR, "")
    assert "error: sg-0123456789abcdef0: there is no such security group in " in done.err


# Close.


def test_an_empty_standard_input_answers_nothing(fresh, live):
    group = fresh.group("web", SSH)
    done = close(live, group)
    assert done.code == USAGE
    assert "standard input has no answer: nothing was changed; pass --yes" in done.err
    assert "0 closed, 1 not asked, 0 failed\n" in done.err
    assert "to undo" not in done.err
    assert ports(fresh, group) == {(22, 22)}


def test_answers(fresh, live):
    names = [fresh.group(f"g{number}", SSH, HTTPS) for number in range(5)]
    done = close(live, *names, stdin="perhaps\nn\ny\na\n")
    assert done.code == EXPOSED
    assert done.err.count("Close sg-") == 4
    assert [ports(fresh, group) for group in names] == [{(22, 22), (443, 443)}] + [{(443, 443)}] * 4
    region = fresh.endpoints["region"]
    assert f"Close {names[0]} (g0) in {region}, account {ACCOUNT}? [y]es, [n]o, [a]ll, [q]uit: " in done.err
    assert "4 closed, 1 declined, 0 failed\n" in done.err


def test_quit_changes_no_further_group(fresh, live):
    names = [fresh.group(f"g{number}", SSH) for number in range(3)]
    done = close(live, *names, stdin="y\nq\n")
    assert done.code == EXPOSED
    assert "1 closed, 1 declined, 1 not asked, 0 failed\n" in done.err
    assert [bool(ports(fresh, group)) for group in names] == [False, True, True]


def test_closings_by_a_person_do_not_count_and_say_so(fresh, live):
    note = "these closings do not count towards ClosingsPerHour of a stack\n"
    group, other = fresh.group("web", SSH), fresh.group("mail", SSH)
    assert note not in close(live, group, "--dry-run").err
    assert close(live, group, "--yes").err.endswith(note)
    assert note not in close(live, group, "--yes").err
    done = close(live, other, "--yes", "--ignore-pace")
    assert (done.code, ports(fresh, other)) == (DONE, set())
    assert note not in done.err


def test_yes_asks_nothing_and_keeps_a_snapshot(fresh, live):
    group = fresh.group("web", SSH, HTTPS)
    done = close(live, group, "--yes")
    assert done.code == DONE
    assert done.err.startswith("1 closed, 0 failed\nto undo: portcullis restore --run cli-")
    assert ports(fresh, group) == {(443, 443)}
    assert "CLOSED" in done.out
    kept = [path for path in snapshots(live) if group in str(path)]
    assert kept
    assert any(str(path) in done.out for path in kept)
    again = close(live, group, "--yes", "--json")
    assert (again.code, again.json()["status"]) == (DONE, "NOTHING_TO_DO")


def test_a_dry_run_changes_nothing(fresh, live):
    group, before = fresh.group("web", SSH), fresh.mark()
    for more in ([], ["--yes"], ["--json"]):
        assert close(live, group, "--dry-run", *more).code == EXPOSED
    assert changes(fresh, before) == []
    assert snapshots(live) == []


def test_all_closes_every_open_group(fresh, live):
    opened, inside = [fresh.group(f"g{n}", SSH) for n in range(3)], fresh.group("inside", INSIDE)
    done = close(live, "--all", "--yes", "--json")
    assert done.code == DONE
    assert {one["securityGroupId"] for one in done.lines()} == set(opened)
    assert done.err.startswith("3 security groups open in ")
    assert ports(fresh, inside) == {(22, 22)}
    assert live("scan").code == DONE


def test_carve_keeps_the_other_ports(fresh, live):
    group = fresh.group("web", WIDE)
    assert close(live, group, "--yes", "--strategy", "carve").code == DONE
    assert ports(fresh, group) == {(20, 21), (23, 25)}
    assert live("scan").code == DONE


def test_a_default_directory_keeps_snapshots(fresh, live):
    group = fresh.group("web", SSH)
    assert live("close", group, "--yes").code == DONE
    assert list((live.home / ".local" / "share" / "portcullis" / "snapshots").rglob("*.json*"))
    assert live("restore", group, "--yes").code == DONE
    assert ports(fresh, group) == {(22, 22)}


def test_a_bucket_keeps_snapshots(fresh, live):
    s3 = fresh.client("s3")
    s3.create_bucket(Bucket=BUCKET, **location(fresh))
    group = fresh.group("web", SSH, HTTPS)
    held = rules(fresh, group)
    done = live("close", group, "--yes", "--snapshot-bucket", BUCKET)
    assert done.code == DONE
    assert any(group in found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"])
    assert f"s3://{BUCKET}/" in done.out
    assert live("restore", group, "--yes", "--snapshot-bucket", BUCKET).code == DONE
    assert rules(fresh, group) == held


def location(cloud) -> dict:
    region = cloud.endpoints["region"]
    return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}


def test_without_a_snapshot_nothing_is_changed(fresh, live):
    fresh.client("s3").create_bucket(Bucket=BUCKET, **location(fresh))
    group, before = fresh.group("web", SSH), fresh.mark()
    fresh.fault(service="s3", action="PutObject", kind="accessDenied", times=100)
    done = live("close", group, "--yes", "--snapshot-bucket", BUCKET)
    assert done.code == ERROR
    assert done.out == ""
    assert f"error: {group}: " in done.err
    assert changes(fresh, before) == []


def test_a_snapshot_directory_that_cannot_be_written(fresh, live):
    group, before = fresh.group("web", SSH), fresh.mark()
    live.write("kept", "a file")
    done = close(live, group, "--yes")
    assert done.code == ERROR
    assert "kept" in done.err
    assert changes(fresh, before) == []


def test_a_failing_group_does_not_affect_the_others(fresh, live):
    first, second = fresh.group("first", SSH), fresh.group("second", SSH)
    fresh.fault(service="ec2", action="RevokeSecurityGroupIngress", kind="accessDenied", times=1)
    done = close(live, first, second, "--yes", "--json")
    assert done.code == ERROR
    assert ports(fresh, second) == set()
    assert ports(fresh, first) == {(22, 22)}


# Restore.


def test_a_restore_restores_all_rules(fresh, live):
    described = SSH | {"IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "for the vendor"}]}
    group = fresh.group("web", described, HTTPS, WIDE)
    held = rules(fresh, group)
    close(live, group, "--yes")
    assert rules(fresh, group) != held
    refused = live("restore", group, "--snapshot-dir", "kept", stdin="n\n")
    assert (refused.code, ports(fresh, group)) == (DONE, {(443, 443)})
    planned = live("restore", group, "--snapshot-dir", "kept", "--dry-run")
    assert (planned.code, ports(fresh, group)) == (DONE, {(443, 443)})
    assert {line.split()[1] for line in planned.out.splitlines() if line.startswith("  + ")} == {"tcp/20-25", "tcp/22"}
    done = live("restore", group, "--snapshot-dir", "kept", stdin="y\n")
    assert done.code == DONE
    assert rules(fresh, group) == held


def test_a_restored_group_is_on_hold(fresh, live):
    group = fresh.group("web", SSH)
    close(live, group, "--yes")
    live("restore", group, "--snapshot-dir", "kept", "--yes")
    told = close(live, group, "--yes").out.splitlines()[-1]
    assert re.fullmatch(r"  ON HOLD until \S+Z: restored by you \(cli-\d+\)\. --ignore-hold closes it now", told), told
    held = close(live, group, "--yes", "--json")
    assert held.json()["status"] == "EXEMPT"
    assert held.code == EXPOSED
    assert ports(fresh, group) == {(22, 22)}
    assert live("plan", group).code == EXPOSED
    done = close(live, group, "--yes", "--ignore-hold")
    assert (done.code, ports(fresh, group)) == (DONE, set())


def test_a_restore_without_a_hold(fresh, live):
    group = fresh.group("web", SSH)
    close(live, group, "--yes")
    assert live("restore", group, "--snapshot-dir", "kept", "--yes", "--exception-hours", "0").code == DONE
    assert close(live, group, "--yes", "--json").json()["status"] == "CLOSED"


def test_a_group_that_was_never_closed(fresh, live):
    group = fresh.group("web", SSH)
    done = live("restore", group, "--snapshot-dir", "kept", "--yes")
    assert (done.code, done.out) == (ERROR, "")
    assert f"error: {group}: " in done.err
    assert "snapshot" in done.err
    assert done.err.count("\n") == 1


# Exemptions.


def test_exemptions_are_added_applied_and_removed(fresh, live):
    group, other = fresh.group("web", SSH), fresh.group("other", SSH)
    live("exempt", "list").failed(ERROR, PARAMETER)
    added = live("exempt", "add", group, "--expires", "2999-12-31", "--reason", "the VPN is late", "--owner", "ops")
    assert (added.code, added.err) == (DONE, "")
    assert added.out.startswith(f"added in {PARAMETER}")
    listed = live("exempt", "list")
    check_snapshot("exempt-list", listed.out.replace(group, "sg-0aaaaaaaaaaaaaaaa"))
    changed = live("exempt", "add", group, "--expires", "2999-11-30", "--reason", "the VPN is late", "--replace")
    assert changed.out.startswith("replaced in ")
    document = json.loads(live("exempt", "list", "--json").out)
    assert document == {
        "version": 1,
        "exemptions": [{"securityGroupId": group, "expires": "2999-11-30", "reason": "the VPN is late"}],
    }
    let_off = live("scan", "--exemptions-parameter", PARAMETER, "--format", "json")
    assert let_off.code == EXPOSED
    assert (verdicts(let_off.json())[group], verdicts(let_off.json())[other]) == ("COMPLIANT", "NON_COMPLIANT")
    closed = close(live, group, "--yes", "--json", "--exemptions-parameter", PARAMETER)
    assert (closed.code, closed.json()["status"]) == (DONE, "EXEMPT")
    removed = live("exempt", "remove", group)
    assert (removed.code, removed.out) == (DONE, f"1 removed from {PARAMETER}\n")
    assert verdicts(live("scan", "--exemptions-parameter", PARAMETER, "--format", "json").json())[group] == "NON_COMPLIANT"
    live("exempt", "remove", group).failed(ERROR, f"{PARAMETER} has no exemption for {group}", "portcullis exempt list")


def test_a_malformed_document_is_not_changed(fresh, live):
    ssm = fresh.client("ssm")
    ssm.put_parameter(Name=PARAMETER, Type="String", Value='{"version": 1')
    arguments = ["sg-0123456789abcdef0", "--expires", "2999-12-31", "--reason", "r"]
    live("exempt", "add", *arguments).failed(ERROR, f"SSM parameter {PARAMETER} is malformed, and was not changed")
    assert ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"] == '{"version": 1'


def test_exemptions_that_cannot_be_read_make_nothing_compliant(fresh, live):
    fresh.group("inside", INSIDE)
    done = live("scan", "--exemptions-parameter", PARAMETER, "--format", "json")
    assert (done.code, done.json()["results"]) == (ERROR, [])
    assert PARAMETER in done.err


# Explain.


def test_open_is_explained(fresh, live):
    group = fresh.group("web", SSH, HTTPS, INSIDE)
    done = live("explain", group)
    assert done.code == EXPOSED
    assert "OPEN: allows tcp/22 from the world" in done.out
    assert "fine: allows none of these ports" in done.out
    assert "fine: allows tcp/22 only from private or authorised addresses" in done.out
    assert done.out.splitlines()[-1].startswith("NON_COMPLIANT")


def test_fine_is_explained(fresh, live):
    done = live("explain", fresh.group("none"))
    assert done.code == DONE
    assert "no ingress rules" in done.out
    done = live("explain", fresh.group("office", tcp(22, "8.8.8.0/24")))
    assert done.code == DONE
    assert "tcp/22 open to 256 internet addresses: allowed by --scope world, flagged by --scope public" in done.out
    kept = "no blocked port is open to more than a /8 of IPv4 or a /16 of IPv6 (scope world)"
    assert done.out.splitlines()[-1] == f"COMPLIANT: {kept}"


def test_exempt_is_explained(fresh, live):
    group = fresh.group("web", SSH)
    live("exempt", "add", group, "--expires", "2999-12-31", "--reason", "the VPN is late")
    done = live("explain", group, "--exemptions-parameter", PARAMETER)
    assert done.code == DONE
    assert "exempt until 2999-12-31: allows tcp/22" in done.out
    assert "the VPN is late" in done.out


def test_an_unreadable_prefix_list_is_explained(fresh, live):
    ec2 = fresh.client("ec2")
    made = ec2.create_managed_prefix_list(PrefixListName="p", AddressFamily="IPv4", MaxEntries=3)["PrefixList"]["PrefixListId"]
    group = fresh.group("listed", {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{"PrefixListId": made}]})
    fresh.fault(service="ec2", action="GetManagedPrefixListEntries", kind="accessDenied", times=1)
    done = live("explain", group)
    assert done.code == ERROR
    assert "NOT JUDGED: " in done.out
    assert done.out.splitlines()[-1].startswith("INSUFFICIENT_DATA")


def test_a_missing_group_cannot_be_explained(live):
    live("explain", "sg-0123456789abcdef0").failed(ERROR, "there is no security group sg-0123456789abcdef0 in ")


# The words of the command line.


def test_errors_name_options_and_not_the_fields_of_the_payload(fresh, live):
    group = fresh.group("web", SSH)
    replaced = live("plan", group, "--strategy", "replace", "--replacement-cidr", "0.0.0.0/1")
    assert replaced.code == ERROR
    assert (
        "would still expose tcp/22: name smaller ranges with --replacement-cidr, or authorise them with --authorized-cidr" in replaced.err
    )
    snapshot = live("restore", group, "--snapshot", "nonsense.txt", "--snapshot-dir", "kept", "--yes")
    assert "--snapshot `nonsense.txt` is not a snapshot of" in snapshot.err
    rule = live("restore", group, "--rule", "missing", "--snapshot-dir", "kept", "--yes")
    assert "--rule: there is no AWS Config rule `missing`: " in rule.err
    for done in (replaced, snapshot, rule):
        assert done.err.startswith(f"error: {group}: nothing was changed: ")
        for field in ("replacementCidrs", "AuthorizedCidrs", "`snapshot`", "configRuleName", "the request is refused"):
            assert field not in done.err


def test_groups_are_named(fresh, live):
    ec2, other = fresh.client("ec2"), fresh.group("other", SSH)
    mine, vpc = (ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"] for cidr in ("10.8.0.0/16", "10.9.0.0/16"))
    web = ec2.create_security_group(GroupName="web", Description="web", VpcId=mine)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=web, IpPermissions=[SSH])
    ec2.create_tags(Resources=[web], Tags=[{"Key": "team", "Value": "shop"}])

    def planned(*arguments) -> list[str]:
        return [one["securityGroupId"] for one in live("plan", *arguments, "--json").lines()]

    assert planned("web") == planned(f"{mine}:web") == planned("web", web) == planned("--tag", "team=shop") == [web]
    assert sorted(planned("--all")) == sorted([web, other])
    assert planned("--vpc-id", mine) == [web]
    assert planned("--all", "--vpc-id", vpc) == []
    live("plan", f"{vpc}:web").failed(ERROR, f"`{vpc}:web`: there is no such security group in ")
    several = live("plan", "default").failed(USAGE, "`default` is the name of ", "pass an id, or vpc-…:name")
    assert vpc in several.err
    assert f"{web} (web) in " in live("explain", "web").out
    live("explain", "default").failed(USAGE, "`default` is the name of ")


def test_several_regions(fresh, live):
    here, there = fresh.endpoints["region"], "eu-west-3"
    web = fresh.group("web", SSH)
    session = boto3.session.Session(fresh.endpoints["accessKeyId"], fresh.endpoints["secretAccessKey"], region_name=there)
    ec2 = session.client("ec2", endpoint_url=fresh.endpoints["endpoint"])
    far = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=far, IpPermissions=[SSH])
    regions = ["--region", f"{here},{there}"]
    for arguments in (["--all"], ["web"], [web, far]):
        assert [one["securityGroupId"] for one in live("plan", *arguments, *regions, "--json").lines()] == [web, far]
    done = close(live, "web", *regions, "--yes")
    assert done.code == DONE
    assert f"{far} (web) in {there}, account {ACCOUNT}\n" in done.out
    assert f"--region {here} --region {there} " in done.err
    run = re.search(r"--run (cli-\d+)", done.err)[1]
    back = live("restore", "--run", run, *regions, "--snapshot-dir", "kept", "--yes")
    assert (back.code, back.err) == (DONE, "2 restored, 0 failed\n")
    live("restore", web, *regions, "--yes").failed(USAGE, "a group is in one region")
