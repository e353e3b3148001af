"""Confirms or refutes what AWS does not document, in an account with a deployed stack, and prints a table: docs/first-hour.md."""

import argparse
import contextlib
import datetime
import signal
import sys
from collections.abc import Callable

import config_checks
import ec2_checks
import ssm_checks
import unobservable
from account import Account, say
from botocore.exceptions import BotoCoreError, ClientError
from check import Answer, Change, Check, Unobserved, Verdict, answer

CHECKS = [*ec2_checks.CHECKS, *ssm_checks.CHECKS, *config_checks.CHECKS, *unobservable.CHECKS]
Answers = dict[str, Answer]


def names(text: str) -> set[str]:
    """Names of checks, separated by commas."""
    found = {name.strip() for name in text.split(",") if name.strip()}
    if unknown := found - {check.name for check in CHECKS}:
        raise argparse.ArgumentTypeError(f"no check `{min(unknown)}`: --list prints their names")
    return found


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/first-hour", description=__doc__, allow_abbrev=False)
    parser.add_argument("--stack", default="portcullis", help="name of the deployed stack (portcullis)")
    parser.add_argument("--region", help="region of the stack")
    parser.add_argument("--vpc", metavar="ID", help="VPC for the security group, instead of the default VPC")
    parser.add_argument("--only", metavar="NAMES", type=names, help="checks to run, separated by commas")
    parser.add_argument("--skip", metavar="NAMES", type=names, default=set(), help="checks not to run")
    parser.add_argument("--automatic", action="store_true", help="include checks that need automatic mode and open a port")
    parser.add_argument("--deadline", metavar="SECONDS", type=int, help="longest wait, if shorter than that of the check")
    parser.add_argument("--show-account", action="store_true", help="keep the account id and ARNs in the table")
    parser.add_argument("--yes", action="store_true", help="make the changes without asking")
    parser.add_argument("--list", action="store_true", help="print the checks, and do nothing")
    given = parser.parse_args(arguments)
    if not given.list and not given.region:
        parser.error("name the region of the stack with --region")
    return given


def selected(given: argparse.Namespace) -> list[Check]:
    wanted = given.only or {check.name for check in CHECKS if given.automatic or not check.asked_for}
    return [check for check in CHECKS if check.name in wanted - given.skip]


def agreed(checks: list[Check], account: Account, yes: bool) -> bool:
    """Says what will be changed, and asks."""
    changes = {change for check in checks for change in check.changes}
    if not changes:
        return True
    say(f"In account {account.account_id}, region {account.region}, this will:")
    for change in Change:
        if change in changes:
            say(f"- {change.value} ({', '.join(check.name for check in checks if change in check.changes)})")
    say("Everything else is only read.")
    if yes:
        return True
    if not sys.stdin.isatty():
        say("error: standard input is no terminal: agree with --yes, or leave these checks out with --skip")
        return False
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def observed(check: Check, account: Account) -> Answer:
    if check.observe is None:
        return Answer(Verdict.UNOBSERVED, check.how)
    account.current, account.seconds = check.name, check.seconds
    say(f"{check.name}: {check.how}")
    try:
        return answer(*check.observe(account))
    except Unobserved as reason:
        return Answer(Verdict.UNOBSERVED, str(reason))
    # What AWS, or a reply of another form, does not let us see.
    except (ClientError, BotoCoreError, LookupError, ValueError) as error:
        return Answer(Verdict.UNOBSERVED, f"{type(error).__name__}: {error}")


def run(checks: list[Check], account: Account) -> tuple[Answers, list[str], bool]:
    """The answers, what could not be removed, and whether the run was interrupted."""
    answers: Answers = {}
    interrupted = False
    try:
        # The longest last, so that an interrupted run has most answers.
        for check in sorted(checks, key=lambda check: check.seconds):
            if not check.after_deletion:
                answers[check.name] = observed(check, account)
    except KeyboardInterrupt:
        interrupted = True
        say("interrupted: removing what was made")
    finally:
        # A second Ctrl-C must not leave anything behind.
        handle(signal.SIG_IGN)
        left = account.clean_up()
        handle(interrupt)
    try:
        for check in checks:
            if check.after_deletion and not interrupted and not left:
                answers[check.name] = observed(check, account)
    except KeyboardInterrupt:
        interrupted = True
    return answers, left, interrupted


def handle(handler: Callable[[int, object], None] | signal.Handlers) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


def interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def table(checks: list[Check], answers: Answers, account: Account, show_account: bool) -> str:
    """The answers in Markdown."""
    place = f"Account {account.account_id}, region {account.region}, partition {account.partition}, {datetime.date.today()}."
    lines = [place, "", "| Check | Statement | Answer | Seen | Depends on it |", "|---|---|---|---|---|"]
    for check in checks:
        found = answers.get(check.name, Answer(Verdict.UNOBSERVED, "the run ended before"))
        lines.append(f"| {' | '.join(map(cell, (check.name, check.statement, found.verdict.value, found.seen, check.depends)))} |")
    text = "\n".join(lines)
    return text if show_account else account.redact(text)


def main() -> int:
    given = options()
    if given.list:
        for check in CHECKS:
            note = "; only with --automatic" if check.asked_for else "; cannot be observed" if check.observe is None else ""
            print(f"{check.name}: {check.statement}{note}")
        return 0
    handle(interrupt)
    checks = selected(given)
    try:
        account = Account(given.stack, given.region, given.vpc, given.deadline)
        for group in account.left_over():
            say(f"an earlier run left {group}: aws ec2 delete-security-group --region {given.region} --group-id {group}")
        if not agreed(checks, account, given.yes):
            return 2
    except (Unobserved, ClientError, BotoCoreError) as error:
        say(f"error: {error}")
        return 1
    answers, left, interrupted = run(checks, account)
    print(table(checks, answers, account, given.show_account))
    for problem in left:
        say(f"error: not removed: {problem}")
    return 130 if interrupted else 1 if left else 0


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
