"""The links of the README and of the book, between files and to headings, and the figures."""

import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

# As in conftest.py: the pages are parameters, so they are needed before there are fixtures.
CHECKOUT = Path(__file__).parents[2]
BUILT = CHECKOUT / "docs" / "book"
PAGES = [CHECKOUT / "README.md", *sorted(page for page in (CHECKOUT / "docs").rglob("*.md") if BUILT not in page.parents)]

CODE = re.compile(r"^(```|~~~).*?^\1|`+[^`]+`+", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """The page without code, in which brackets are no links."""
    return CODE.sub("", page.read_text(encoding="utf-8"))


def links(text: str) -> list[str]:
    return [link for link in LINK.findall(text) if not re.match(r"[a-z]+:", link)]


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of the headings, as mdBook and GitHub make them."""
    text = re.sub(r"^(```|~~~).*?^\1", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path, text: str) -> list[str]:
    """The links of a text that stands in `page` and that lead nowhere."""
    found = []
    for link in links(text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and (target.suffix != ".md" or anchor not in anchors(target))):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page, prose(page)) == []


def test_broken_links_are_found() -> None:
    page = CHECKOUT / "docs" / "introduction.md"
    good = "[a](semantics.md) [b](semantics.md#reach) [c](flow.svg) [d](https://example.com/x) [e](#words)"
    assert broken(page, good) == []
    bad = ["nowhere.md", "semantics.md#nowhere", "#nowhere", "flow.svg#x"]
    assert broken(page, " ".join(f"[x]({link})" for link in bad)) == bad


def test_every_page_of_the_book_is_in_its_table_of_contents() -> None:
    summary = CHECKOUT / "docs" / "SUMMARY.md"
    listed = {(summary.parent / link).resolve() for link in links(prose(summary))}
    assert listed == {page for page in PAGES if page.is_relative_to(summary.parent)} - {summary}


def test_the_book_does_not_link_out_of_itself() -> None:
    """What is not in docs/ is not in the book."""
    book = CHECKOUT / "docs"
    for page in PAGES[1:]:
        outside = [link for link in links(prose(page)) if not (page.parent / link.partition("#")[0]).resolve().is_relative_to(book)]
        assert outside == [], page


# Columns of a code block that fit in a window 1280 pixels wide, with the sizes of docs/book.css. Output of a command and
# documents wrap there; commands and drawings are broken by hand.
COLUMNS = 100
FENCE = re.compile(r"^ *(?:```|~~~)(\w*)")


def too_wide(text: str) -> list[str]:
    """The lines of drawings and commands that would not fit."""
    found = []
    language, continued = None, False
    for line in text.splitlines():
        if fence := FENCE.match(line):
            language, continued = (fence[1] if language is None else None), False
            continue
        is_command = language == "sh" or (language == "console" and (continued or line.startswith("$ ")))
        continued = is_command and line.endswith("\\")
        if (is_command or language == "text") and len(line) > COLUMNS:
            found.append(line)
    return found


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_code_blocks_fit_into_the_window(page: Path) -> None:
    assert too_wide(page.read_text(encoding="utf-8")) == []


def test_code_blocks_that_do_not_fit_are_found() -> None:
    wide = "x" * (COLUMNS + 1)
    fine = f"{wide}\n```console\n$ a\n{wide}\n```\n```json\n{wide}\n```\n```text\n{wide[1:]}\n```\n"
    assert too_wide(fine) == []
    bad = f"```sh\n{wide}\n```\n```text\n{wide}\n```\n```console\n$ a \\\n{wide}\n{wide}\n```\n"
    assert too_wide(bad) == [wide, wide, wide]


FIGURES = sorted(figure for figure in (CHECKOUT / "docs").rglob("*.svg") if BUILT not in figure.parents)
# What a figure may consist of: nothing that runs, loads or links.
ELEMENTS = {"svg", "title", "desc", "style", "g", "rect", "path", "text", "tspan"}


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: str(figure.relative_to(CHECKOUT)))
def test_figures_are_well_formed_and_stand_alone(figure: Path) -> None:
    for element in ElementTree.parse(figure).iter():
        assert element.tag.removeprefix("{http://www.w3.org/2000/svg}") in ELEMENTS
        assert [name for name in element.attrib if name.startswith("on") or "href" in name] == []
        assert not element.tag.endswith("style") or not re.search(r"@import|url\(", element.text or "")


def test_figures_are_in_the_book_with_a_text_for_those_who_do_not_see_them() -> None:
    shown = {}
    for page in PAGES[1:]:
        for text, link in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", prose(page)):
            shown[(page.parent / link).resolve()] = text
    assert set(FIGURES) <= set(shown)
    assert [figure for figure, text in shown.items() if len(text) < 20] == []
