"""A live scan shows what it knows while the rest is still being fetched. Pages are held back by conditions, not by delays."""

import contextlib
import fcntl
import io
import json
import os
import select
import struct
import subprocess
import termios
import threading
import time

import pytest
from command_line import ERROR, EXPOSED
from organization import MANAGEMENT, Organization, ec2, ec2_error, group, id_of, signed_in

FIRST, SECOND = "eu-central-1", "eu-west-1"
SECONDS = 20


class Paged(Organization):
    """An organization whose regions have two pages of one group each. A page waits until the test releases it."""

    def __init__(self, *regions: str):
        groups = {(MANAGEMENT, region): [("one", "0.0.0.0/0"), ("two", "0.0.0.0/0")] for region in regions}
        super().__init__(regions=list(regions), groups=groups)
        self.held: dict[tuple[str, int], threading.Event] = {}
        self.failing: set[tuple[str, int]] = set()

    def hold(self, region: str, page: int) -> threading.Event:
        return self.held.setdefault((region, page), threading.Event())

    def answer(self, account, region, service, action, given):
        if action == "DescribeSecurityGroups":
            self.calls.append((account, region, action))
            page = int(given.get("NextToken", 1))
            if (region, page) in self.held:
                assert self.held[region, page].wait(SECONDS), "the page was never released"
            if (region, page) in self.failing:
                return 403, ec2_error("UnauthorizedOperation", "You are not authorized to perform this operation.")
            name, cidr = self.groups[account, region][page - 1]
            more = "<nextToken>2</nextToken>" if page == 1 else ""
            return ec2(action, f"<securityGroupInfo>{group(account, region, name, cidr)}</securityGroupInfo>{more}")
        return super().answer(account, region, service, action, given)


class Reader:
    """Reads a stream, and waits for a text with a deadline."""

    def __init__(self, descriptor: int):
        self.descriptor, self.text = descriptor, ""

    def until(self, wanted: str) -> str:
        deadline = time.monotonic() + SECONDS
        while wanted not in self.text:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.descriptor], [], [], max(left, 0))
            assert ready, f"{wanted!r} did not appear in {self.text!r}"
            self.more()
        return self.text

    def more(self) -> bool:
        try:
            read = os.read(self.descriptor, 65536)
        except OSError:
            # The other end of a pseudo terminal is closed.
            return False
        self.text += read.decode(errors="replace")
        return bool(read)

    def rest(self) -> str:
        while self.more():
            pass
        return self.text


@contextlib.contextmanager
def scan(portcullis, organization, *arguments, regions, terminal=False):
    """A running scan, with readers of its two streams. With `terminal`, both are a pseudo terminal."""
    with signed_in(portcullis, organization, regions[0]) as live, contextlib.ExitStack() as stack:
        where = [f"--region={region}" for region in regions]
        if terminal:
            (out, given_out), (err, given_err) = os.openpty(), os.openpty()
            for given in (given_out, given_err):
                fcntl.ioctl(given, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 160, 0, 0))
            files = [stack.enter_context(io.FileIO(out)), stack.enter_context(io.FileIO(err))]
            streams = {"stdin": subprocess.DEVNULL, "stdout": given_out, "stderr": given_err}
            process = live.start("scan", *where, *arguments, env={"TERM": "xterm"}, **streams)
            os.close(given_out)
            os.close(given_err)
            readers = [Reader(file.fileno()) for file in files]
        else:
            pipe = subprocess.PIPE
            process = live.start("scan", *where, *arguments, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, bufsize=0)
            readers = [Reader(process.stdout.fileno()), Reader(process.stderr.fileno())]
        with process:
            try:
                yield process, *readers
            finally:
                for held in getattr(organization, "held", {}).values():
                    held.set()
                process.kill()


def names(text: str) -> list[str]:
    lines = [json.loads(line) for line in text.splitlines()]
    return [(line["region"], line["group_name"]) for line in lines if "group_name" in line]


def test_the_first_result_is_there_before_the_second_page(portcullis):
    organization = Paged(FIRST)
    second = organization.hold(FIRST, 2)
    with scan(portcullis, organization, "--format", "jsonl", regions=[FIRST]) as (process, out, _):
        text = out.until("\n")
        assert names(text) == [(FIRST, "one")]
        assert json.loads(text)["exposures"][0]["rule_id"] == "sgr-" + id_of(MANAGEMENT, FIRST, "one")[3:]
        second.set()
        assert names(out.rest()) == [(FIRST, "one"), (FIRST, "two")]
        assert process.wait(SECONDS) == EXPOSED


@pytest.mark.parametrize("format", ["csv", "ocsf", "asff", "sarif"])
def test_every_format_that_lists_group_by_group_does_so(portcullis, format):
    organization = Paged(FIRST)
    second = organization.hold(FIRST, 2)
    with scan(portcullis, organization, "--format", format, regions=[FIRST]) as (process, out, _):
        assert id_of(MANAGEMENT, FIRST, "two") not in out.until(id_of(MANAGEMENT, FIRST, "one"))
        second.set()
        assert id_of(MANAGEMENT, FIRST, "two") in out.rest()
        assert process.wait(SECONDS) == EXPOSED


def test_the_second_page_is_requested_before_the_first_one_is_judged(portcullis):
    organization = Paged(FIRST)
    requested, answer = threading.Event(), organization.answer

    def held(account, region, service, action, given):
        if action == "DescribeSecurityGroups" and "NextToken" in given:
            requested.set()
        if action == "DescribeSecurityGroupRules":
            assert requested.wait(SECONDS), "the second page was not requested"
        return answer(account, region, service, action, given)

    organization.answer = held
    with scan(portcullis, organization, "--format", "jsonl", regions=[FIRST]) as (process, out, _):
        assert names(out.rest()) == [(FIRST, "one"), (FIRST, "two")]
        assert process.wait(SECONDS) == EXPOSED


def test_a_table_begins_with_its_head(portcullis):
    organization = Paged(FIRST)
    first = organization.hold(FIRST, 1)
    with scan(portcullis, organization, "--no-rule", regions=[FIRST]) as (process, out, _):
        head = out.until("IPv6)\n")
        assert f", account {MANAGEMENT}, {FIRST}, " in head
        assert "Policy: 22, 3389 (TCP and UDP) may not be open" in head
        first.set()
        whole = out.rest()
        assert whole.count("Portcullis ") == 1
        assert whole.index("Policy: ") < whole.index("SEVERITY") < whole.index("2 security groups evaluated")
        assert process.wait(SECONDS) == EXPOSED


def test_the_progress_counts_every_region_whatever_the_order(portcullis):
    organization = Paged(FIRST, SECOND)
    first = organization.hold(FIRST, 1)
    with scan(portcullis, organization, regions=[FIRST, SECOND], terminal=True) as (process, out, err):
        out.until("Policy: ")
        err.until("2 security groups (2 open), 1 of 2 accounts and regions done")
        first.set()
        # The order of the report is that of the command line.
        table = out.rest()
        assert table.index("4 security groups evaluated") > table.index(id_of(MANAGEMENT, FIRST, "one"))
        err.rest()
        assert process.wait(SECONDS) == EXPOSED


def test_no_progress_disturbs_lines_on_the_terminal(portcullis):
    organization = Paged(FIRST)
    with scan(portcullis, organization, "--format", "jsonl", regions=[FIRST], terminal=True) as (process, out, err):
        assert "security groups" not in err.rest()
        assert names(out.rest()) == [(FIRST, "one"), (FIRST, "two")]
        assert process.wait(SECONDS) == EXPOSED


def test_regions_are_asked_at_once_and_reported_in_order(portcullis):
    organization = Paged(FIRST, SECOND)
    first = organization.hold(FIRST, 1)
    answer = organization.answer

    def releasing(account, region, service, action, given):
        answered = answer(account, region, service, action, given)
        if region == SECOND and "NextToken" in given:
            # The last page of the second region arrives before the first page of the first one.
            first.set()
        return answered

    organization.answer = releasing
    with scan(portcullis, organization, "--format", "jsonl", regions=[FIRST, SECOND]) as (process, out, _):
        assert names(out.rest()) == [(FIRST, "one"), (FIRST, "two"), (SECOND, "one"), (SECOND, "two")]
        assert process.wait(SECONDS) == EXPOSED


def test_a_failed_page_keeps_the_one_before_it(portcullis):
    organization = Paged(FIRST, SECOND)
    organization.failing = {(FIRST, 2)}
    with scan(portcullis, organization, "--format", "jsonl", regions=[FIRST, SECOND]) as (process, out, err):
        text = out.rest()
        assert names(text) == [(FIRST, "one"), (SECOND, "one"), (SECOND, "two")]
        [problem] = [json.loads(line)["not_scanned"] for line in text.splitlines() if "not_scanned" in json.loads(line)]
        assert (problem["account"], problem["region"]) == (MANAGEMENT, FIRST)
        assert "ec2:DescribeSecurityGroups" in problem["reason"]
        assert f"error: not scanned: {MANAGEMENT} {FIRST}" in err.rest()
        assert process.wait(SECONDS) == ERROR


def test_accounts_are_signed_in_to_at_once(portcullis):
    first, last = "222222222222", "333333333333"
    organization = Organization(accounts=dict.fromkeys((MANAGEMENT, first, last), "ACTIVE"))
    assumed, answer = threading.Event(), organization.answer

    def held(account, region, service, action, given):
        if action == "AssumeRole":
            if last in given["RoleArn"]:
                assumed.set()
            else:
                assert assumed.wait(SECONDS), "the second role was not assumed meanwhile"
        return answer(account, region, service, action, given)

    organization.answer = held
    with scan(portcullis, organization, "--organization", "Audit", "--format", "json", regions=[FIRST]) as (process, out, _):
        targets = json.loads(out.rest())["scan"]["targets"]
        assert [target["account"] for target in targets] == [MANAGEMENT, first, last]
        assert process.wait(SECONDS) == 0
