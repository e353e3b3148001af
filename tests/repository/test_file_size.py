"""Source files are short: no file of a crate has more than 300 lines of code."""

import re

import pytest
from repository_files import CHECKOUT, paths

LIMIT = 300
SOURCES = sorted(
    path for path in paths() if re.fullmatch(r"(rule-evaluator|remediator|responder|reporter|cli|(crates|dev)/[\w-]+)/src/.+\.rs", path)
)


def lines_of_code(text: str) -> int:
    """The lines of a Rust file that are neither blank nor a comment, without the unit tests at its end."""
    code = re.split(r"^#\[cfg\(test\)\]\nmod \w+ \{$", text, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line.strip() for line in code.splitlines()]
    return sum(bool(line) and not line.startswith("//") for line in lines)


def size(path: str) -> int:
    return lines_of_code((CHECKOUT / path).read_text(encoding="utf-8"))


def test_files_are_found() -> None:
    assert len(SOURCES) > 100
    assert {"rule-evaluator", "remediator", "responder", "reporter", "cli", "crates", "dev"} == {path.partition("/")[0] for path in SOURCES}


@pytest.mark.parametrize("path", SOURCES)
def test_no_file_is_too_long(path: str) -> None:
    assert size(path) <= LIMIT, "divide it into files that say what they are"


def test_comments_blank_lines_and_unit_tests_do_not_count() -> None:
    text = "//! Doc.\n\nuse std::fs; // code\n\n/// Doc.\nfn f() {\n    // why\n}\n\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n"
    assert lines_of_code(text) == 3
    assert lines_of_code("fn f() {}\n" * (LIMIT + 1)) > LIMIT
