"""The pages of the project beside the book: what SECURITY.md points at is there."""

import re
from itertools import chain
from pathlib import Path

import pytest
import yaml
from test_book import broken, prose

PAGES = ["SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "CODE_OF_CONDUCT.md"]


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(checkout: Path, name: str) -> None:
    page = checkout / name
    # An anchor in the middle of a list.
    anchors = set(re.findall(r'<a id="([\w-]+)">', page.read_text(encoding="utf-8")))
    assert [link for link in broken(page, prose(page)) if link.removeprefix("#") not in anchors] == []


# A test in Python, and one in Rust: the first function after the attribute and its cases.
PYTHON_TEST = re.compile(r"^ *def (test_\w+)", re.MULTILINE)
RUST_TEST = re.compile(r"#\[(?:test|rstest|tokio::test)\b.*?\bfn (\w+)", re.DOTALL)
# What a span in backticks looks like that names a test, or the beginning of its name.
NAMED = re.compile(r"`([a-z]+(?:_[a-z]+){2,}_?)(?:`|…)")


@pytest.fixture(scope="module")
def tests(checkout: Path) -> set[str]:
    python = [PYTHON_TEST.findall(path.read_text(encoding="utf-8")) for path in checkout.glob("tests/**/*.py")]
    sources = [*checkout.glob("**/tests/**/*.rs"), *checkout.glob("**/src/**/*.rs")]
    rust = [RUST_TEST.findall(path.read_text(encoding="utf-8")) for path in sources]
    return set(chain.from_iterable(python + rust))


@pytest.fixture(scope="module")
def security(checkout: Path) -> str:
    return (checkout / "SECURITY.md").read_text(encoding="utf-8")


def test_every_test_that_security_names_exists(security: str, tests: set[str]) -> None:
    named = set(NAMED.findall(security))
    assert len(named) > 60
    assert {name for name in named if not any(test == name or (name.endswith("_") and test.startswith(name)) for test in tests)} == set()


def test_every_claim_of_security_names_a_test(security: str) -> None:
    section = security.partition("## Claims, and what shows them")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ") and not line.startswith("| Claim ")]
    assert len(rows) > 30
    assert [claim for claim, shown in rows if not NAMED.search(shown)] == []


def test_reports_of_vulnerabilities_do_not_become_issues(checkout: Path) -> None:
    templates = checkout / ".github" / "ISSUE_TEMPLATE"
    config = yaml.safe_load((templates / "config.yml").read_text(encoding="utf-8"))
    assert config == {"blank_issues_enabled": False}
    assert (checkout / "SECURITY.md").is_file(), "GitHub shows the way there beside the forms"
    assert "SECURITY.md" in (templates / "bug.yml").read_text(encoding="utf-8")
    for path in templates.glob("*.yml"):
        if path.name != "config.yml":
            form = yaml.safe_load(path.read_text(encoding="utf-8"))
            assert {"name", "description", "body"} <= form.keys()
            ids = [field["id"] for field in form["body"] if "id" in field]
            assert len(ids) == len(set(ids))


def test_the_changelog_has_the_version_that_is_next(checkout: Path) -> None:
    version = re.search(r'^version = "(.+)"$', (checkout / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    changelog = (checkout / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", changelog, re.MULTILINE)[0] == "[Unreleased]"
    assert version[1] in changelog
