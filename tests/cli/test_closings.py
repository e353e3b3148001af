"""How a closing ends, and the way back: a true tally, Ctrl-C, restores of a whole run, the list of snapshots."""

import json
import os
import shlex
import signal
import subprocess
import time

import groups
import pytest
from command_line import DONE, ERROR, USAGE
from live_cloud import ACCOUNT, HTTPS, SSH, WIDE, close, ports, rules, snapshots

INTERRUPTED = 130


def undo(done) -> list[str]:
    """Arguments of the command that a closing printed as its way back."""
    [line] = [line for line in done.err.splitlines() if line.startswith("to undo: ")]
    words = shlex.split(line.removeprefix("to undo: "))
    assert words[0] == "portcullis"
    return words[1:]


def run_of(done) -> str:
    arguments = undo(done)
    return arguments[arguments.index("--run") + 1]


@pytest.fixture
def opened(fresh) -> list[str]:
    return [fresh.group(f"g{number}", SSH, HTTPS) for number in range(4)]


def test_the_end_of_the_input_after_a_closing(fresh, live, opened):
    done = close(live, *opened, stdin="y\n")
    assert done.code == USAGE
    assert "1 closed, 3 not asked, 0 failed\n" in done.err
    assert done.err.splitlines()[-1] == "error: standard input has no further answer; pass --yes to skip the question"
    assert "nothing was changed" not in done.err
    assert [ports(fresh, group) == {(443, 443)} for group in opened] == [True, False, False, False]
    back = live(*undo(done), "--yes")
    assert (back.code, back.err) == (DONE, "1 restored, 0 failed\n")
    assert all((22, 22) in ports(fresh, group) for group in opened)


def test_an_answer_that_is_no_text_is_asked_again(fresh, live, opened):
    done = close(live, *opened, stdin=b"y\n\xff\xfe\nq\n")
    assert "1 closed, 1 declined, 2 not asked, 0 failed\n" in done.err
    assert done.err.count("[q]uit: ") == 3
    assert undo(done)
    assert [ports(fresh, group) == {(443, 443)} for group in opened] == [True, False, False, False]


def test_a_closed_pipe_does_not_hide_the_way_back(fresh, live, opened):
    """As with `portcullis close … | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        process = live.start("close", *opened, "--yes", "--snapshot-dir", "kept", stdout=writing, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(writing)
    _, text = process.communicate(timeout=60)
    assert process.returncode == ERROR
    assert text.splitlines()[0] == "1 closed, 0 failed"
    assert text.splitlines()[1].startswith("to undo: portcullis restore --run cli-")
    assert [ports(fresh, group) == {(443, 443)} for group in opened] == [True, False, False, False]


def test_a_failure_is_counted(fresh, live, opened):
    fresh.fault(service="ec2", action="RevokeSecurityGroupIngress", kind="accessDenied", times=1)
    done = close(live, *opened, "--yes", "--json")
    assert done.code == ERROR
    assert "3 closed, 1 failed\n" in done.err


def asked(process: subprocess.Popen, times: int) -> str:
    """Reads standard error until the question was asked so often."""
    text = ""
    while text.count("[q]uit: ") < times:
        text += process.stderr.read(1)
    return text


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_a_question(fresh, live, opened, how):
    pipe = subprocess.PIPE
    with live.start("close", *opened, "--snapshot-dir", "kept", stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        text = asked(process, 1)
        process.stdin.write("y\n")
        process.stdin.flush()
        text += asked(process, 1)
        process.send_signal(how)
        text += process.stderr.read()
        process.wait(30)
    assert process.returncode == INTERRUPTED
    assert "1 closed, 3 not asked, 0 failed\n" in text
    assert "to undo: portcullis restore --run cli-" in text
    assert [ports(fresh, group) == {(443, 443)} for group in opened] == [True, False, False, False]


def test_a_signal_during_a_closing_lets_it_finish(fresh, live, opened):
    fresh.fault(service="ec2", action="RevokeSecurityGroupIngress", kind="delay", seconds=3, times=1)
    before, pipe = fresh.mark(), subprocess.PIPE
    with live.start("close", *opened, "--yes", "--snapshot-dir", "kept", stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        deadline = time.monotonic() + 30
        while not snapshots(live) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, text = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert "interrupted: finishing this group" in text
    assert "1 closed, 3 not asked, 0 failed\n" in text
    assert [ports(fresh, group) == {(443, 443)} for group in opened] == [True, False, False, False]
    assert len([call for call in fresh.calls(since=before) if call["action"] == "ec2:RevokeSecurityGroupIngress"]) == 1


def test_all_is_undone_by_its_run(fresh, live, opened):
    wide = fresh.group("wide", WIDE)
    held = {group: rules(fresh, group) for group in [*opened, wide]}
    first = close(live, opened[0], "--yes")
    done = close(live, "--all", "--yes", "--strategy", "carve")
    assert done.code == DONE
    assert "4 closed, 0 failed\n" in done.err
    arguments = undo(done)
    assert arguments[arguments.index("--snapshot-dir") + 1] == str(live.directory / "kept")
    planned = live(*arguments, "--dry-run", "--json")
    assert (planned.code, {one["status"] for one in planned.lines()}) == (DONE, {"PLANNED"})
    some = live(*arguments, stdin="y\nn\nq\n")
    assert some.code == DONE
    assert some.err.endswith("1 restored, 2 declined, 1 not asked, 0 failed\n")
    assert f"in {fresh.endpoints['region']}, account {ACCOUNT}? [y]es, [n]o, [a]ll, [q]uit: " in some.err
    assert live(*arguments, "--yes").code == DONE
    assert {group: rules(fresh, group) for group in held} == held | {opened[0]: {rule for rule in held[opened[0]] if rule[1] == 443}}
    # The other run is another one.
    assert live("restore", "--run", run_of(first), "--snapshot-dir", "kept", "--yes").code == DONE
    assert {group: rules(fresh, group) for group in held} == held


def test_a_run_that_took_several_snapshots_of_a_group_is_restored_whole(fresh, live):
    group = fresh.group("web", SSH, WIDE, HTTPS)
    held = rules(fresh, group)
    done = close(live, group, "--yes")
    # A further snapshot of the same run, as a closing takes it when a rule was added meanwhile.
    [snapshot] = [path for path in snapshots(live) if path.suffix == ".json"]
    document = json.loads(snapshot.read_text())
    state, plan = document["securityGroup"], document["plan"]
    state["ingress"] = [rule for rule in state["ingress"] if rule["securityGroupRuleId"] not in plan["revoke"]]
    plan["revoke"] = []
    snapshot.with_name(snapshot.name.replace(".json", "_2.json")).write_text(json.dumps(document))
    assert live(*undo(done), "--yes").code == DONE
    assert rules(fresh, group) == held


def test_an_unknown_run(live):
    live("restore", "--run", "cli-1", "--snapshot-dir", "kept").failed(ERROR, "no snapshot of the run `cli-1`", "portcullis snapshots")


@pytest.mark.parametrize("arguments", [["sg-0123456789abcdef0", "--run", "cli-1"], ["--run", "cli-1", "--snapshot", "x.json"], []])
def test_a_restore_is_of_a_group_or_of_a_run(live, arguments):
    assert live("restore", *arguments).code == USAGE


def test_snapshots_are_listed(fresh, live, opened):
    assert (live("snapshots", "--snapshot-dir", "kept").code, live("snapshots", "--snapshot-dir", "kept").out) == (DONE, "")
    first = close(live, opened[0], opened[1], "--yes")
    second = close(live, opened[2], "--yes", "--strategy", "carve")
    listed = live("snapshots", "--snapshot-dir", "kept")
    assert (listed.code, listed.err) == (DONE, "")
    lines = [line.split() for line in listed.out.splitlines()]
    region = fresh.endpoints["region"]
    assert lines[0] == ["TIME", "GROUP", "NAME", "REGION", "RULES", "STRATEGY", "RUN"]
    # Below the titles is a rule.
    assert [line[1:] for line in lines[2:]] == [
        [opened[2], "g2", region, "1", "carve", run_of(second)],
        [opened[1], "g1", region, "1", "revoke", run_of(first)],
        [opened[0], "g0", region, "1", "revoke", run_of(first)],
    ]
    assert [one["securityGroupId"] for one in live("snapshots", opened[0], "--snapshot-dir", "kept", "--json").lines()] == [opened[0]]
    of_run = live("snapshots", "--run", run_of(first), "--snapshot-dir", "kept", "--json").lines()
    assert [one["securityGroupId"] for one in of_run] == [opened[1], opened[0]]
    # A listed snapshot is a name for `restore --snapshot`.
    name = of_run[0]["snapshot"].rsplit("/", 1)[-1]
    assert live("restore", opened[1], "--snapshot", name, "--snapshot-dir", "kept", "--yes").code == DONE
    assert len(live("snapshots", "--limit", "1", "--snapshot-dir", "kept", "--json").lines()) == 1


def test_no_temporary_file_is_left_by_ctrl_c(portcullis):
    portcullis.write("groups.json", groups.groups())
    pipe = subprocess.PIPE
    outputs = ["--output", "report.json", "--output", "report.html"]
    with portcullis.start("scan", "--input", "-", *outputs, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        process.stdin.write(b'{"SecurityGroups": [')
        process.stdin.flush()
        deadline = time.monotonic() + 30
        while not [path for path in portcullis.directory.iterdir() if path.name.startswith(".")] and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.wait(30)
    # As the shell expects of a program that Ctrl-C ended.
    assert process.returncode == -signal.SIGINT
    assert [path.name for path in portcullis.directory.iterdir()] == ["groups.json"]
