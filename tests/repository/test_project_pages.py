"""The pages of the project beside the book: what SECURITY.md points at is there."""

import re
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


def test_every_test_that_security_names_exists(checkout: Path) -> None:
    page = (checkout / "SECURITY.md").read_text(encoding="utf-8")
    sources = [*checkout.glob("tests/**/*.py"), *checkout.glob("**/tests/**/*.rs"), *checkout.glob("**/src/**/*.rs")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    defined = set(re.findall(r"(?:def|fn) (\w+)", code))
    named = set(re.findall(r"`((?:test|an?|the|only)_\w+)(?:`|…)", page))
    assert len(named) > 20
    assert {
        name for name in named if not any(known == name or (name.endswith("_") and known.startswith(name)) for known in defined)
    } == set()


def test_every_file_that_security_names_exists(checkout: Path) -> None:
    page = (checkout / "SECURITY.md").read_text(encoding="utf-8")
    paths = set(re.findall(r"`([\w.-]+/[\w./-]+)`", page))
    assert len(paths) > 10
    assert [path for path in sorted(paths) if not (checkout / path).exists()] == []
    files = set(re.findall(r"`(test_\w+\.py)`", page))
    assert {file for file in files if not list(checkout.glob(f"tests/*/{file}"))} == set()


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
