"""Offline scans of files with many groups, and a live scan of the local cloud: time, memory, AWS calls."""

import argparse
import contextlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "dev" / "local-cloud" / "python"))


def group(number: int) -> dict:
    """Writes groups as `aws ec2 describe-security-groups` prints them. Every tenth group is open to the world."""
    source = "0.0.0.0/0" if number % 10 == 0 else "10.1.0.0/16"
    permission = {"IpProtocol": "tcp", "UserIdGroupPairs": [], "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": []}
    return {
        "GroupId": f"sg-{number:017x}",
        "GroupName": f"service-{number}",
        "Description": "Traffic of a service",
        "OwnerId": "111122223333",
        "VpcId": "vpc-0a1b2c3d4e5f60718",
        "Tags": [{"Key": "Name", "Value": f"service-{number}"}, {"Key": "team", "Value": "platform"}],
        "IpPermissions": [
            permission | {"FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": source, "Description": "operators"}]},
            permission
            | {
                "FromPort": 443,
                "ToPort": 443,
                "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
                "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
                "UserIdGroupPairs": [{"UserId": "111122223333", "GroupId": "sg-0bbbbbbbbbbbbbbbb"}],
            },
        ],
        "IpPermissionsEgress": [permission | {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    }


def large(number: int) -> dict:
    """A group of about 1.9 KB: more permissions, with descriptions."""

    def permission(port: int, *sources: str, groups: int = 0) -> dict:
        pair = {"UserId": "111122223333", "GroupId": "sg-0bbbbbbbbbbbbbbbb", "Description": "from the load balancer"}
        return {
            "IpProtocol": "tcp",
            "FromPort": port,
            "ToPort": port,
            "UserIdGroupPairs": [pair] * groups,
            "IpRanges": [{"CidrIp": source, "Description": "operators and their hosts"} for source in sources],
            "Ipv6Ranges": [],
            "PrefixListIds": [],
        }

    more = [
        permission(8080, "10.0.0.0/8", "172.16.0.0/12", groups=2),
        permission(5432, "10.20.30.0/24", "192.168.4.0/24"),
        permission(9100, "10.0.0.2/32", groups=1),
    ]
    small = group(number)
    return small | {"IpPermissions": small["IpPermissions"] + more}


def generate(file: pathlib.Path, count: int, make=group) -> None:
    with file.open("w", encoding="utf-8") as out:
        out.write('{"SecurityGroups": [')
        for number in range(count):
            out.write(",\n" if number else "\n")
            json.dump(make(number), out)
        out.write("\n]}\n")


@contextlib.contextmanager
def on_one_core():
    """Processes that are started here run on one core. Only Linux can say so."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def run(command: list[str], environment: dict[str, str] | None = None) -> dict:
    """Measures wall time, CPU time and peak memory of a command. Exit codes 0 and 3 mean a complete scan."""
    begin = time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3):
        raise SystemExit(f"error: {shlex.join(command)} ended with {process.returncode}")
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "seconds": round(time.monotonic() - begin, 3),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        "user_seconds": round(usage.ru_utime, 3),
        "peak_mb": round(usage.ru_maxrss * unit / 1e6, 1),
    }


def offline(portcullis: str, sizes: list[tuple[str, int]], peer: str | None, ignore: str | None) -> list[dict]:
    found = []
    with tempfile.TemporaryDirectory() as directory:
        for kind, count in sizes:
            file = pathlib.Path(directory) / "groups.json"
            generate(file, count, large if kind == "large" else group)
            table = [portcullis, "scan", "--input", str(file)]
            commands = {
                "portcullis, table, one core": (table, on_one_core),
                "portcullis, table": (table, contextlib.nullcontext),
                "portcullis, json": ([*table, "--format", "json"], contextlib.nullcontext),
            }
            if ignore:
                commands["serde_json, ignored"] = ([ignore, str(file)], on_one_core)
            if peer:
                commands["peer"] = (["sh", "-c", peer.replace("{}", shlex.quote(str(file)))], contextlib.nullcontext)
            for name, (command, where) in commands.items():
                with where():
                    # The best of three, because other load on the machine only adds time.
                    runs = [run(command) for _ in range(3)]
                figures = min(runs, key=lambda one: one["cpu_seconds"]) | {"seconds": min(one["seconds"] for one in runs)}
                size = file.stat().st_size / 1e6
                found.append({"what": name, "groups": f"{count} {kind}", "megabytes": round(size)} | figures)
                found[-1]["mb_per_cpu_second"] = round(size / figures["cpu_seconds"])
                found[-1]["groups_per_cpu_second"] = round(count / figures["cpu_seconds"])
    return found


def live(portcullis: str, count: int) -> dict:
    """Measures a scan of a new local cloud, with groups that differ in one rule, every tenth of them open."""
    from local_cloud import running

    with tempfile.TemporaryDirectory() as directory, running(pathlib.Path(directory)) as cloud:
        for number in range(count):
            source = "0.0.0.0/0" if number % 10 == 0 else "10.1.0.0/16"
            permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": source}]}
            cloud.group(f"service-{number}", permission)
            if number % 500 == 0:
                print(f"\r{number} of {count} groups created", end="", file=sys.stderr)
        print(file=sys.stderr)
        mark = cloud.mark()
        environment = {"PATH": os.environ["PATH"], "HOME": directory, "AWS_EC2_METADATA_DISABLED": "true"}
        environment |= {name: value for name, value in cloud.environment().items() if name.startswith("AWS_")}
        figures = run([portcullis, "scan", "--format", "json"], environment)
        calls: dict[str, int] = {}
        for call in cloud.calls(since=mark):
            calls[call["action"]] = calls.get(call["action"], 0) + 1
        return {"groups": count} | figures | {"calls": calls}


def table(rows: list[dict]) -> None:
    keys = list(rows[0])
    width = {key: max(len(key), *(len(str(row[key])) for row in rows)) for key in keys}
    print("| " + " | ".join(key.ljust(width[key]) for key in keys) + " |")
    print("|" + "|".join("-" * (width[key] + 2) for key in keys) + "|")
    for row in rows:
        print("| " + " | ".join(str(row[key]).rjust(width[key]) for key in keys) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--portcullis", required=True, metavar="FILE", help="the command line, as it is released")
    parser.add_argument("--groups", default="20000,200000,1000000", help="sizes of the files of small groups")
    parser.add_argument("--large", default="100000", help="sizes of the files of large groups")
    parser.add_argument("--ignore-json", metavar="FILE", help="a program that reads JSON and ignores it, as the limit")
    parser.add_argument("--live", type=int, default=10_000, metavar="GROUPS", help="groups of the live scan; 0 leaves it out")
    parser.add_argument("--json", type=pathlib.Path, metavar="DIRECTORY", help="also write the figures there")
    arguments = parser.parse_args()
    peer = os.environ.get("BENCH_PEER_SCAN")
    sizes = [(kind, int(n)) for kind in ("small", "large") for n in (arguments.groups, arguments.large)[kind == "large"].split(",")]
    figures = {"offline": offline(arguments.portcullis, sizes, peer, arguments.ignore_json)}
    table(figures["offline"])
    if arguments.live:
        figures["live"] = live(arguments.portcullis, arguments.live)
        print("\nlive scan:", json.dumps(figures["live"]))
    if arguments.json:
        arguments.json.mkdir(parents=True, exist_ok=True)
        (arguments.json / "scan.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
