"""The examples of README and book that anybody can repeat in the checkout: the output on the page is that of the binary."""

import re
import subprocess

import pytest
from command_line import CHECKOUT, EXPOSED, binary, masked

COMMAND = "portcullis scan examples/template.yaml"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def printed(page: str, command: str) -> list[str]:
    """What a page shows below a command, up to the next one, each time that the command is there."""
    blocks = BLOCK.findall((CHECKOUT / page).read_text(encoding="utf-8"))
    steps = [step.partition("\n") for block in blocks for step in re.split(r"^\$ ", block, flags=re.MULTILINE)]
    return [output for typed, _, output in steps if typed == command]


@pytest.mark.parametrize("page", ["README.md", "docs/cli.md"])
def test_the_page_shows_what_the_command_prints(portcullis, page):
    [shown] = printed(page, COMMAND)
    done = subprocess.run(
        COMMAND.split(), executable=binary(), cwd=CHECKOUT, env=portcullis.environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (EXPOSED, "")
    assert masked(done.stdout) == masked(shown)
