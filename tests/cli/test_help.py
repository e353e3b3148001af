"""The help of every command, the manual pages and the completions."""

import re
import subprocess

import pytest
from command_line import CHECKOUT, DONE, ERROR, check_snapshot

COMMANDS = [
    [],
    ["scan"],
    ["plan"],
    ["close"],
    ["restore"],
    ["snapshots"],
    ["exempt"],
    ["exempt", "add"],
    ["exempt", "list"],
    ["exempt", "remove"],
    ["findings"],
    ["findings", "list"],
    ["findings", "export"],
    ["findings", "show"],
    ["findings", "mute"],
    ["findings", "unmute"],
    ["explain"],
    ["routing"],
    ["routing", "check"],
    ["completions"],
    ["man"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: "-".join(command) or "portcullis")
def test_the_help_matches_its_snapshot(portcullis, command):
    done = portcullis(*command, "--help")
    assert (done.code, done.err) == (DONE, "")
    check_snapshot("-".join(["help", *command]), done.out)
    assert portcullis("help", *command).out == done.out


def test_no_help_is_wider_than_a_hundred_columns(portcullis):
    for command in COMMANDS:
        wide = [line for line in portcullis(*command, "--help", env={"COLUMNS": "300"}).out.splitlines() if len(line) > 100]
        assert wide == [], command


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


# Options that clap adds to every command.
OF_ALL = {"--help", "--version"}


def test_the_book_has_every_option_and_no_other(portcullis):
    known = set().union(*(options(portcullis(*command, "--help").out) for command in COMMANDS))
    pages = [(CHECKOUT / "docs" / name).read_text() for name in ("cli.md", "install.md", "reports.md")]
    # Lines about other programs contain options of those.
    foreign = ("aws ", "cargo ", "terraform ", "prowler ", "custodian ", "trivy ", "make ", "jq ", "Cloud Custodian", "Trivy", "Prowler")
    ours = [
        line for page in pages for line in page.splitlines() if not any(name in line for name in foreign) and not line.startswith("| — ")
    ]
    assert options("\n".join(ours)) - known - OF_ALL == set()
    assert known - options("\n".join(pages)) - OF_ALL == set()


def test_the_manual_has_every_option(portcullis):
    portcullis("man", "--directory", "man")
    for command in COMMANDS:
        page = (portcullis.directory / "man" / ("-".join(["portcullis", *command]) + ".1")).read_text()
        page = re.sub(r"\\f[A-Z]", "", page).replace("\\-", "-")
        assert options(portcullis(*command, "--help").out) <= options(page) | OF_ALL, command


def test_every_command_has_a_manual_page(portcullis):
    done = portcullis("man", "--directory", "man/man1")
    assert (done.code, done.out, done.err) == (DONE, "", "")
    pages = {path.name: path.read_text() for path in (portcullis.directory / "man" / "man1").iterdir()}
    assert pages.keys() >= {"-".join(["portcullis", *command]) + ".1" for command in COMMANDS}
    for name, page in pages.items():
        assert ".TH " in page, name
        assert ".SH NAME" in page, name
        for section in ("SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES"):
            assert f'.SH "{section}"' in page or f".SH {section}\n" in page, (name, section)
        assert "EXTRA" not in page, name
    assert pages["portcullis.1"] == portcullis("man").out
    assert "PORTCULLIS_CONFIG" in pages["portcullis-scan.1"]
    assert "portcullis restore \\-\\-run" in pages["portcullis-restore.1"]
    assert "authorized\\-cidr" in pages["portcullis-scan.1"]


def test_an_invalid_directory_for_manual_pages(portcullis):
    portcullis.write("man", "a file")
    portcullis("man", "--directory", "man").failed(ERROR, "cannot write the manual pages into man")


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["sc"], "scan"),
        (["scan", "--format", "sar"], "sarif"),
        (["scan", "--scope", "w"], "world"),
        (["scan", "--region", "eu-central"], "eu-central-1 eu-central-2"),
        (["close", "--strategy", "c"], "carve"),
        (["restore", "--region", "us-gov-w"], "us-gov-west-1"),
        (["explain", "--scope", "p"], "public"),
        (["routing", "ch"], "check"),
        (["completions", "f"], "fish"),
    ],
)
def test_bash_completes_commands_and_values(portcullis, words, completed):
    done = portcullis("completions", "bash")
    assert done.code == DONE
    given, last = " ".join(["portcullis", *words]), words[-1]
    before = words[-2] if len(words) > 1 else "portcullis"
    ask = f'COMP_WORDS=({given}); COMP_CWORD={len(words)}; _portcullis portcullis "{last}" "{before}"; echo "${{COMPREPLY[*]}}"'
    shell = subprocess.run(["bash", "--norc", "-c", f"{done.out}\n{ask}"], capture_output=True, text=True, check=True)
    assert shell.stdout == f"{completed}\n"
    assert shell.stderr == ""


def test_a_completed_value_is_a_suggestion_only(portcullis):
    # A region that is younger than this release.
    portcullis("plan", "web", "--region", "xx-new-1").failed(ERROR, "no AWS credentials")


@pytest.mark.parametrize(
    ("shell", "start"),
    [
        ("zsh", "#compdef portcullis"),
        ("fish", "complete -c portcullis"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "set edit:completion"),
    ],
)
def test_completions_for_other_shells(portcullis, shell, start):
    done = portcullis("completions", shell)
    assert (done.code, done.err) == (DONE, "")
    assert start in done.out
    for command in ("scan", "restore", "authorized-cidr"):
        assert command in done.out
