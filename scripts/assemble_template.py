"""Puts CloudFormation templates together from their sources: NAME.source.yaml becomes NAME.yaml beside it.

usage: assemble_template.py [--check] [SOURCE ...]

Without a source, assembles every *.source.yaml of cloudformation/. With --check, writes nothing, prints how the committed
templates differ from their sources, and fails if they do.

A source is a template in which `KEY: !Include FILE` stands for the content of a file, relative to the file that includes
it: a .yaml file becomes the mapping below KEY, and may include others; any other file becomes a literal text. Lines are
copied, not parsed, so comments, order and the short forms of intrinsic functions stay. The comment at the top of a YAML
file is about that file and is not copied. CloudFormation knows no `!Include`, and refuses a source that is deployed by
mistake.
"""

import argparse
import difflib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
SUFFIX = ".source.yaml"
INCLUDE = re.compile(r"( *)([\w-]+): !Include (\S+)")


class AssemblyError(Exception):
    """A source that cannot be assembled: the file, the line and the problem."""


def assemble(source: Path) -> str:
    """Template assembled from a source."""
    header = f"# Generated from {source.name} and the files it includes: edit those, then run `make assemble`.\n"
    return header + "".join(f"{line}\n" for line in expand(source, ()))


def expand(path: Path, including: tuple[Path, ...]) -> Iterator[str]:
    """Lines of a YAML file, included files expanded. `including` holds the files that led to this one."""
    lines = path.read_text(encoding="utf-8").splitlines()
    top = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    for number, line in enumerate(lines[top:], top + 1):
        if "!Include" not in line or line.lstrip().startswith("#"):
            yield line
            continue
        here = f"{path}: line {number}"
        match = INCLUDE.fullmatch(line)
        if match is None:
            raise AssemblyError(f"{here}: malformed `!Include`: write `KEY: !Include FILE`, alone on its line")
        indent, key, name = match.groups()
        target = path.parent / name
        if target.resolve() in {file.resolve() for file in (*including, path)}:
            raise AssemblyError(f"{here}: `{name}` includes itself")
        try:
            if target.suffix == ".yaml":
                block = ""
                content = list(expand(target, (*including, path)))
            else:
                block = " |"
                content = target.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise AssemblyError(f"{here}: reading `{name}` failed: {error.strerror}: name a file relative to {path.parent}") from error
        yield f"{indent}{key}:{block}"
        yield from (f"{indent}  {line}" if line else "" for line in content)


def difference(template: Path, wanted: str) -> str:
    """Unified diff from the committed template to the expected text. Empty if they are equal."""
    found = template.read_text(encoding="utf-8") if template.exists() else ""
    lines = difflib.unified_diff(
        found.splitlines(keepends=True), wanted.splitlines(keepends=True), str(template), f"{template}, assembled anew"
    )
    return "".join(lines)


def main() -> int:
    """Assembles or checks the templates. Returns the exit code."""
    parser = argparse.ArgumentParser(usage="%(prog)s [--check] [SOURCE ...]", description="Assembles CloudFormation templates.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a template differs from its source")
    parser.add_argument("sources", nargs="*", type=Path, metavar="SOURCE", help=f"file named NAME{SUFFIX} (all of cloudformation/)")
    arguments = parser.parse_args()

    stale = False
    for source in arguments.sources or sorted((CHECKOUT / "cloudformation").glob(f"*{SUFFIX}")):
        if not source.name.endswith(SUFFIX):
            parser.error(f"`{source}` is not a source: name a file that ends in {SUFFIX}")
        template = source.with_name(source.name.removesuffix(SUFFIX) + ".yaml")
        try:
            text = assemble(source)
        except OSError as error:
            sys.exit(f"error: reading `{source}` failed: {error.strerror}")
        except AssemblyError as error:
            sys.exit(f"error: {error}")
        if not arguments.check:
            template.write_text(text, encoding="utf-8")
        elif diff := difference(template, text):
            print(diff, end="")
            print(
                f"error: {template} differs from what its source makes: edit {source.name}, not the template, and run make assemble",
                file=sys.stderr,
            )
            stale = True
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
