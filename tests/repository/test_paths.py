"""Paths in README files, in the book and in the other pages exist: a page that names a file that was moved misleads its reader."""

import re
from fnmatch import fnmatchcase
from functools import cache
from itertools import chain
from posixpath import dirname, normpath

import pytest
from repository_files import CHECKOUT, paths

AT_THE_ROOT = ["CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"]
PAGES = sorted(path for path in paths() if path in AT_THE_ROOT or re.fullmatch(r"docs/.+\.md|.+/README\.md", path))

# Paths that a page names for a reason although the repository does not have them.
EXCEPTIONS = {
    "docs/book": "`make docs` writes the book there",
    "dev/fuzz/artifacts/TARGET": "libFuzzer writes its findings there",
    "web.cfn.yaml": "an example of a user's file name",
}

FENCE = re.compile(r"^(?P<fence>```|~~~)(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=fence)", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
# What paths, globs and alternatives in braces consist of.
PATH = re.compile(r"[\w.*?{},/\-]+")
NAME = re.compile(r"[\w.*?\-]*\w\.(rs|py|md|yaml|toml|sh)")
# `TARGET` below a directory stands for a name that the reader fills in.
PLACEHOLDER = re.compile(r"(?<=/)[A-Z]{2,}(?=/|$)")


def words(text: str) -> list[str]:
    """The words in the code spans of a page, without punctuation and line numbers."""
    spans = [span for _, span in SPAN.findall(FENCE.sub("", text))]
    found = [word.partition("::")[0].strip("()[]\"'").rstrip(",;:.") for span in spans for word in span.split()]
    return [re.sub(r":\d+(-\d+)?$", "", word) for word in found]


def listings(text: str) -> list[list[str]]:
    """The directories that the lines of each `text` block begin with."""
    blocks = [match["text"] for match in FENCE.finditer(text) if match["language"] == "text"]
    return [re.findall(r"^([\w.\-/]+/)(?= |$)", block, re.MULTILINE) for block in blocks]


def expand(pattern: str) -> list[str]:
    """The alternatives of a pattern with braces, as in a shell."""
    braces = re.search(r"\{([^{}]*)\}", pattern)
    if not braces:
        return [pattern]
    before, after = pattern[: braces.start()], pattern[braces.end() :]
    return list(chain.from_iterable(expand(before + part + after) for part in braces[1].split(",")))


def fits(names: list[str], globs: list[str]) -> bool:
    """Whether the components of a path fit those of a glob; `**` stands for any number of them."""
    if not globs:
        return not names
    if globs[0] == "**":
        return any(fits(names[skipped:], globs[1:]) for skipped in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], globs[0]) and fits(names[1:], globs[1:])


@cache
def exists(pattern: str) -> bool:
    """Whether the repository has the path, or one that fits the glob."""
    pattern = normpath(pattern)
    return pattern in paths() or ("*" in pattern and any(fits(path.split("/"), pattern.split("/")) for path in paths()))


def is_broken(word: str, directory: str) -> bool:
    """Whether a word of a page in `directory` is a path of the repository, and one that does not exist."""
    if not PATH.fullmatch(word) or word.startswith("/") or word.rstrip("/") in EXCEPTIONS:
        return False
    return any(alternative_is_broken(PLACEHOLDER.sub("*", alternative), directory) for alternative in expand(word))


def alternative_is_broken(path: str, directory: str) -> bool:
    if path.startswith(("./", "../")):
        return not exists(f"{directory}/{path}")
    first, slash, _ = path.partition("/")
    is_path = slash and (exists(first) or exists(f"{directory}/{first}"))
    if not is_path and not NAME.fullmatch(path.rpartition("/")[2]):
        return False
    # A path from the root or from the page, or a name that any directory may have.
    candidates = [path, f"{directory}/{path}", *([] if exists(first) and slash else [f"**/{path}"])]
    return not any(exists(candidate) for candidate in candidates)


def broken(text: str, directory: str = "") -> list[str]:
    """The paths of a page in `directory` that do not exist."""
    found = [word for word in words(text) if is_broken(word, directory)]
    for listing in listings(text):
        missing = [path for path in listing if not exists(path) and not exists(f"{directory}/{path}")]
        # Not one of them exists in a listing of something else, such as a bucket.
        found += missing if len(missing) < len(listing) else []
    return found


@pytest.mark.parametrize("page", PAGES)
def test_paths_exist(page: str) -> None:
    assert broken((CHECKOUT / page).read_text(encoding="utf-8"), dirname(page)) == []


def test_no_exception_is_left_over() -> None:
    named = {word.rstrip("/") for page in PAGES for word in words((CHECKOUT / page).read_text(encoding="utf-8"))}
    assert EXCEPTIONS.keys() - named == set(), "no page names it"
    assert [path for path in EXCEPTIONS if exists(path)] == [], "it exists"


GOOD = """
`README.md`, `docs/`, `docs/cli.md`, ``scripts/deploy``, `pytest tests/repository/test_paths.py::test_paths_exist`,
`tests/repository/test_paths.py:12`, `crates/exposure/src/{port,traffic}.rs`, `crates/*/src`, `*/src/`, `docs/**/*.md`,
`test_paths.py`, `repository/test_paths.py`, `dev/fuzz/corpus/TARGET/`.

Not paths of the repository: `holds/ACCOUNT/REGION/`, `target/bench/`, `s3://docs/x`, `https://docs.rs/x.rs`, `~/docs/x.md`,
`/portcullis/x.yaml`, `docs/…`, `10.0.0.0/8`, `actions/checkout`, `{"version":1}`, `OWNER/portcullis`, docs/without-backticks.md.

```console
$ cat docs/in-a-block.md
```

```text
docs/         the book
tests/cli/    the command line
```

```text
holds/        a prefix of the bucket
owed/         another one
```
"""

BAD = [
    "README.rs",
    "nowhere.toml",
    "docs/nowhere.md",
    "docs/nowhere/",
    "scripts/nowhere",
    "tests/repository/nowhere.py",
    "tests/test_paths.py",
    "nowhere/test_paths.py",
    "crates/exposure/src/{port,nowhere}.rs",
    "crates/*/nowhere",
    "docs/**/*.rs",
    "../nowhere/",
    "dev/fuzz/nowhere/TARGET/",
]


def test_paths_that_exist_are_good() -> None:
    assert broken(GOOD) == []
    assert broken("`../../docs/cli.md`, `src/`, `../bench`, `tests/cli`", "dev/local-cloud") == []


@pytest.mark.parametrize("path", BAD)
def test_broken_paths_are_found(path: str) -> None:
    assert broken(f"See `{path}`, or `cat {path}`.") == [path, path]


def test_broken_directories_are_found_in_a_listing() -> None:
    assert broken("```text\ndocs/         the book\nnowhere/      a crate\ndocs/nowhere/ a directory\n```\n") == [
        "nowhere/",
        "docs/nowhere/",
    ]
    assert broken("```text\nsrc/      code\nbenches/  code\n```\n", "dev/bench") == []


@pytest.mark.parametrize(
    ("path", "glob", "fit"),
    [("a/b/c", "a/*/c", True), ("a/c", "a/**/c", True), ("a/b/d/c", "a/**/c", True), ("a/b/c", "a/*", False), ("a/b.rs", "a/*.py", False)],
)
def test_globs_fit_as_in_a_shell(path: str, glob: str, fit: bool) -> None:
    assert fits(path.split("/"), glob.split("/")) is fit
