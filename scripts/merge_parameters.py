"""Merges stack parameters from files and words into the arguments of `aws cloudformation deploy --parameter-overrides`.

usage: merge_parameters.py TEMPLATE (FILE | 'KEY=VALUE KEY=VALUE ...')...

A file holds {"Parameters": {"Key": "Value"}}. In words, a value ends where the next KEY= begins, so that JSON and spaces
need no quotes of their own: 'Description=no open ports SourceInputParameters={"FocusOnPorts": "22, 80"}'. What comes later
wins. A name that the template does not know is an error, which the AWS CLI would pass over in silence. Prints KEY=VALUE,
each with a NUL after it.
"""

import json
import re
import sys
from pathlib import Path

import yaml

WORD = re.compile(r"([A-Za-z][A-Za-z0-9]*)=(.*)", re.DOTALL)
NEXT_WORD = re.compile(r"\s+(?=[A-Z][A-Za-z0-9]*=)")


class NamesOnly(yaml.SafeLoader):
    """Reads a template without its intrinsic functions, of which none is needed to know the names of parameters."""


NamesOnly.add_multi_constructor("!", lambda loader, suffix, node: None)


def read(argument: str) -> dict[str, str]:
    """The parameters of one argument, a file or words."""
    if WORD.fullmatch(argument.strip()) is None:
        try:
            parameters = json.loads(Path(argument).read_text(encoding="utf-8"))["Parameters"]
        except OSError as error:
            sys.exit(f"error: reading the parameter file {argument}: {error.strerror}. Words look like this: 'RemediationMode=True'")
        except (ValueError, KeyError, TypeError) as error:
            sys.exit(f'error: the parameter file {argument} is not of the form {{"Parameters": {{"Key": "Value"}}}}: {error!r}')
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in parameters.items()}
    result = {}
    for word in NEXT_WORD.split(argument.strip()):
        key, value = word.split("=", 1)
        # A habit from the shell: Description='two words'.
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        result[key] = value
    return result


def main() -> None:
    """Prints the merged parameters."""
    known = yaml.load(Path(sys.argv[1]).read_text(encoding="utf-8"), NamesOnly)["Parameters"].keys()
    merged: dict[str, str] = {}
    for argument in sys.argv[2:]:
        merged |= read(argument)
    unknown = sorted(merged.keys() - known)
    if unknown:
        sys.exit(f"error: the stack has no parameter {', '.join(unknown)}. It has: {', '.join(sorted(known))}")
    for key, value in sorted(merged.items()):
        print(f"{key}={value}", end="\0")


if __name__ == "__main__":
    main()
