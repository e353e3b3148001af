"""The command line without the AWS SDK, as people and pre-commit install it: from a wheel."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
OPEN = """\
Resources:
  Web:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: web tier
      SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}]
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    maturin = Path(sys.executable).with_name("maturin")
    # Unoptimised: the build is what is tested here, and not its speed.
    command = [maturin, "build", "--profile", "dev", "--out", directory]
    subprocess.run(command, cwd=CHECKOUT, check=True)
    [wheel] = directory.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, where pip would put it."""
    directory = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".data/scripts/portcullis")]
        path = Path(archive.extract(name, directory))
    path.chmod(0o755)
    return path


def run(program: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *arguments], cwd=cwd, capture_output=True, text=True, check=False)


def test_the_wheel_has_the_version_of_the_workspace(wheel: Path) -> None:
    version = re.search(r'^version = "(.+)"$', (CHECKOUT / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    assert wheel.name.startswith(f"portcullis_aws-{version[1]}-py3-none-")


@pytest.mark.parametrize("arguments", [["template.yaml"], ["--input", "template.yaml"]])
def test_it_judges_a_file(program: Path, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "template.yaml").write_text(OPEN)
    done = run(program, "scan", *arguments, cwd=tmp_path)
    assert (done.returncode, "1 security group evaluated: 1 non-compliant" in done.stdout) == (3, True), done.stderr


def test_it_has_a_policy_of_its_own(program: Path, tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(OPEN)
    (tmp_path / "exemptions.json").write_text(
        '{"version":1,"exemptions":[{"vpcId":"vpc-0a1b2c3d","groupName":"web","expires":"2099-01-01","reason":"trial"}]}'
    )
    assert run(program, "scan", "template.yaml", "--ports", "8080", cwd=tmp_path).returncode == 0
    assert run(program, "scan", "template.yaml", "--exemptions", "exemptions.json", cwd=tmp_path).returncode == 3
    wrong = run(program, "scan", "template.yaml", "--ports", "ssh", cwd=tmp_path)
    assert (wrong.returncode, "--ports: `ssh` is not a port" in wrong.stderr) == (2, True), wrong.stderr


def test_it_explains_a_group_of_a_file(program: Path, tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(OPEN)
    done = run(program, "explain", "Web", "--input", "template.yaml", cwd=tmp_path)
    assert (done.returncode, "OPEN: allows tcp/22 from the world" in done.stdout) == (3, True), done.stderr
    without = run(program, "explain", "Web", cwd=tmp_path)
    assert (without.returncode, "--input <PATH>" in without.stderr) == (2, True), without.stderr


def test_it_says_which_build_it_is(program: Path, tmp_path: Path) -> None:
    """Without a file there is nothing to scan, and the commands for accounts are in the other build."""
    nothing = run(program, "scan", cwd=tmp_path)
    assert (nothing.returncode, "--input <PATH>" in nothing.stderr) == (2, True), nothing.stderr
    assert "files only" in run(program, "--help", cwd=tmp_path).stdout
    assert run(program, "close", "sg-0123456789abcdef0", cwd=tmp_path).returncode == 2


def test_it_has_no_aws_sdk_in_it() -> None:
    command = ["cargo", "tree", "--locked", "--package", "portcullis", "--no-default-features", "--edges", "normal", "--prefix", "none"]
    tree = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    crates = {line.split()[0] for line in tree.splitlines() if line}
    assert {"portcullis", "inventory", "reports", "judgement"} <= crates
    assert not [name for name in crates if re.match(r"aws-(sdk|smithy|config|adapters)|lambda_runtime|tokio$", name)]
