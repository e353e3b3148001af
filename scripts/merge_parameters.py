"""Merges stack parameters from files and words into the arguments of `aws cloudformation deploy --parameter-overrides`.

usage: merge_parameters.py TEMPLATE [--also TEMPLATE,TEMPLATE] (FILE | 'KEY=VALUE KEY=VALUE ...')...

A file contains {"Parameters": {"Key": "Value"}}. In words, a value ends where the next KEY= begins, so JSON and spaces need
no quotes: 'Description=no open ports SourceInputParameters={"FocusOnPorts": "22, 80"}'. Later values win. A name that is no
parameter of the template is an error; the AWS CLI would ignore it. With --also, the words are for several stacks, and those of
the other templates are left out. ReplacementCidrs are checked, and their host bits dropped.
Prints KEY=VALUE pairs, each followed by a NUL.
"""

import ipaddress
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

WORD = re.compile(r"([A-Za-z][A-Za-z0-9]*)=(.*)", re.DOTALL)
NEXT_WORD = re.compile(r"\s+(?=[A-Z][A-Za-z0-9]*=)")


class NamesOnly(yaml.SafeLoader):
    """Reads a template and ignores its intrinsic functions, which the names of parameters do not need."""


NamesOnly.add_multi_constructor("!", lambda loader, suffix, node: None)


def read(argument: str) -> dict[str, str]:
    """Parameters of one argument, a file or words."""
    if WORD.fullmatch(argument.strip()) is None:
        try:
            parameters = json.loads(Path(argument).read_text(encoding="utf-8"))["Parameters"]
        except OSError as error:
            sys.exit(f"error: reading the parameter file `{argument}` failed: {error.strerror}: name a file, or KEY=VALUE words")
        except (ValueError, KeyError, TypeError):
            sys.exit(f'error: malformed parameter file `{argument}`: write {{"Parameters": {{"Key": "Value"}}}}')
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in parameters.items()}
    result = {}
    for word in NEXT_WORD.split(argument.strip()):
        key, value = word.split("=", 1)
        # Quotes as in a shell: Description='two words'.
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        result[key] = value
    return result


def without_host_bits(cidrs: str, definition: dict[str, Any]) -> str:
    """The CIDRs as EC2 would store them, with a note if they differ. The template's pattern cannot find host bits."""
    if len(cidrs) > definition["MaxLength"] or not re.fullmatch(definition["AllowedPattern"], cidrs):
        sys.exit(f"error: ReplacementCidrs `{cidrs}` is refused: it {definition['ConstraintDescription']}")
    result = []
    for cidr in cidrs.split(",") if cidrs else []:
        given, network = ipaddress.ip_interface(cidr.strip()), ipaddress.ip_network(cidr.strip(), strict=False)
        if given.ip != network.network_address:
            print(f"note: ReplacementCidrs: {cidr.strip()} has host bits, and is deployed as {network}, as EC2 reads it", file=sys.stderr)
        result.append(str(network))
    return ",".join(result)


def definitions_of(template: str) -> dict[str, dict[str, Any]]:
    """Parameters of a template."""
    return yaml.load(Path(template).read_text(encoding="utf-8"), NamesOnly)["Parameters"]


def main() -> None:
    """Prints the merged parameters."""
    template, *arguments = sys.argv[1:]
    definitions = definitions_of(template)
    known = set(definitions)
    if arguments[:1] == ["--also"]:
        known = known.union(*map(definitions_of, arguments[1].split(",")))
        arguments = arguments[2:]
    merged: dict[str, str] = {}
    for argument in arguments:
        merged |= read(argument)
    unknown = sorted(merged.keys() - known)
    if unknown:
        sys.exit(f"error: the template has no parameter `{'`, `'.join(unknown)}`: name some of {', '.join(sorted(known))}")
    merged = {key: value for key, value in merged.items() if key in definitions}
    if "ReplacementCidrs" in merged:
        merged["ReplacementCidrs"] = without_host_bits(merged["ReplacementCidrs"], definitions["ReplacementCidrs"])
    for key, value in sorted(merged.items()):
        print(f"{key}={value}", end="\0")


if __name__ == "__main__":
    main()
