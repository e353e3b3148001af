"""A manager opens the report: on a screen or a phone, in the light or in the dark, with a mouse, a keyboard or a screen reader."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

ROWS = "#table tbody tr:not([hidden])"
LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 390)]


def column(page, number: int) -> list[str]:
    """The texts of a column, of the rows that are shown."""
    return page.locator(f"{ROWS} td:nth-child({number})").all_inner_texts()


def ports(page) -> list[int]:
    """The first port of each row; a group that could not be judged has none, and counts as the last."""
    numbers = [re.search(r"/(\d+)", text) for text in column(page, 4)]
    return [int(number[1]) if number else 1 << 32 for number in numbers]


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
@pytest.mark.parametrize("groups", [None, 1, 3000], ids=["all", "one", "many"])
def test_has_no_barrier(visit, report, screenshots, scheme, width, groups):
    page = visit(report(groups), scheme=scheme, width=width).page
    for summary in page.locator("summary").all()[:3]:
        summary.click()
    page.screenshot(path=screenshots / f"{groups or 'all'}-{scheme}-{width}.png", full_page=groups is None)
    # Axe knows nothing of a row that is hidden, and takes minutes for thousands.
    page.evaluate("for (const row of [...document.querySelectorAll('#table tbody tr')].slice(40)) row.remove()")
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_sticks_out_of_the_page(visit, report, width):
    page = visit(report(), width=width).page
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_sorts(visit, report):
    page = visit(report()).page
    header = page.get_by_role("columnheader", name="Ports")
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    assert ports(page) == sorted(ports(page))
    assert page.get_by_role("status").last.inner_text() == "Sorted by Ports, ascending"
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    assert ports(page) == sorted(ports(page), reverse=True)
    assert page.locator("[aria-sort]").count() == 1


def test_sorts_by_keyboard(visit, report):
    page = visit(report()).page
    page.locator("#kind").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Group"
    page.keyboard.press("Enter")
    names = [text.split("\n")[0].casefold() for text in column(page, 2)]
    assert page.get_by_role("columnheader", name="Group").get_attribute("aria-sort") == "ascending"
    assert names.index("everything") < names.index("partner") < names.index("websecuritygroup")


def test_filters_and_counts(visit, report):
    page = visit(report()).page
    rows, count = page.locator(ROWS), page.locator("#count")
    everything = rows.count()
    assert count.inner_text() == f"{everything} findings"
    page.get_by_label("Filter").fill("US-EAST-1  partner")
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === 1")
    assert count.inner_text() == f"1 of {everything} findings"
    page.get_by_label("Filter").fill("no such group")
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === 0")
    assert page.get_by_text("No finding matches the filter.").is_visible()
    page.get_by_label("Filter").fill("")
    page.get_by_label("Open to").select_option(label="not judged")
    assert rows.count() == 2
    assert {text.strip() for text in column(page, 1)} == {"Not judged"}


def test_copies_a_command(visit, report):
    page = visit(report()).page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    fix = page.locator(f"{ROWS}:has-text('everything') td.fix")
    fix.locator("summary").click()
    fix.get_by_role("button", name="Copy").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == (
        "aws ec2 revoke-security-group-ingress --group-id sg-0000000000000004 --ip-permissions "
        """'[{"IpProtocol":"-1","Ipv6Ranges":[{"CidrIpv6":"::/0"}]}]' --region eu-central-1"""
    )


def test_names_stay_text(visit, report):
    page = visit(report()).page
    name = page.locator("bdi.name", has_text="alert(1)").first
    assert name.inner_text().startswith("=<script>alert(1)</script></svg>\"' onload=x \\u{1b}[31m\\u{202e}$(id)`id`;'{{7*7}}")
    assert page.locator("script").count() == 1
    assert page.locator("[onload]").count() == 0


def test_allows_no_script_but_its_own(visit, report):
    opened = visit(report())
    opened.page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.intruder = 1'}))")
    assert opened.page.evaluate("window.intruder") is None
    assert len(opened.complaints) == 1
    assert "Content Security Policy" in opened.complaints.pop()


def test_is_whole_without_scripts(visit, report):
    page = visit(report(), scripts=False).page
    assert page.locator(ROWS).count() == 9
    assert not page.locator("#controls").is_visible()
    assert page.get_by_role("button").count() == 0
    page.locator("td.fix summary").first.click()
    assert page.locator("td.fix code").first.is_visible()


def test_picture_has_its_numbers_as_text(visit, report):
    page = visit(report()).page
    picture = page.get_by_role("img")
    assert picture.get_attribute("aria-labelledby") == "picture-title picture-description"
    assert "tcp/22 is open most often: in 4 groups." in page.locator("#picture-description").text_content()
    page.get_by_text("The picture in numbers").click()
    row = page.get_by_role("row", name=re.compile("^eu-central-1 2"))
    assert row.is_visible()
