"""Starts the servers that stand for Slack, Jira, PagerDuty, Teams and webhooks, and calls their control interface.

What the control interface takes, and which faults there are: dev/channel-servers/README.md.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import urllib.error
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]


def binary() -> pathlib.Path:
    named = os.environ.get("CHANNEL_SERVERS_BINARY")
    if named:
        return pathlib.Path(named)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    subprocess.run(["cargo", "build", "--quiet", "-p", "channel-servers"], cwd=REPOSITORY, check=True)
    return target / "debug" / "channel-servers"


class ChannelServers:
    """Running servers."""

    def __init__(self, process: subprocess.Popen, ready: dict):
        self.process = process
        # What the channels have to be given as their secrets, by the service.
        self.secrets: dict[str, str] = ready.pop("secrets")
        # By the service: the base URL, or the URL of a webhook. `control` and `brokenTls` are among them.
        self.urls: dict[str, str] = ready
        # Set by a test that sends what no program should send.
        self.violations_expected = False

    def control(self, method: str, path: str, data=None):
        request = urllib.request.Request(
            self.urls["control"] + path,
            method=method,
            data=None if data is None else json.dumps(data).encode(),
            headers={"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                body = reply.read().decode()
                return json.loads(body) if reply.headers["content-type"] == "application/json" else body
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode()}") from error

    def routing(self, **further: dict) -> dict:
        """Returns a document by which everything goes to one channel of Slack, one project of Jira, and further channels."""
        channels = {
            "chat": {"kind": "slack", "token": "ssm:/portcullis/channels/slack", "channel": "#security", "apiUrl": self.urls["slack"]},
            "tickets": {
                "kind": "jira",
                "flavour": "cloud",
                "url": self.urls["jira"],
                "secret": "ssm:/portcullis/channels/jira",
                "project": "SEC",
                "closeTransition": "Done",
            },
            **further,
        }
        return {"version": 1, "channels": channels, "defaultChannels": list(channels)}

    def state(self) -> dict:
        """Returns what each service was told."""
        return self.control("GET", "/state")

    def messages(self, channel: str) -> list[dict]:
        """Returns the messages of a channel of Slack, such as `#security`, or to the user with an e-mail address."""
        return self.state()["slack"]["channels"].get(channel, {"messages": []})["messages"]

    def tickets(self, service: str = "jira") -> list[dict]:
        """Returns the tickets of a Jira that were not deleted."""
        return [issue for issue in self.state()[service]["issues"] if not issue["isDeleted"]]

    def incidents(self) -> list[dict]:
        """Returns the incidents of PagerDuty."""
        return self.state()["pagerduty"]["incidents"]

    def calls(self, service: str, operation: str | None = None) -> list[dict]:
        """Returns the calls of a service, the oldest first."""
        calls = self.control("GET", "/calls")
        return [call for call in calls if call["service"] == service and operation in (None, call["operation"])]

    def violations(self) -> list[dict]:
        """Returns what the services were sent, and no program should send."""
        return self.control("GET", "/violations")

    def rendered(self) -> str:
        """Returns the messages of Slack and the tickets of Jira as text for a terminal with 80 columns."""
        return self.control("GET", "/rendered")

    def fault(self, service: str, fault: str | dict, **options) -> None:
        """Sets a fault. The options are `operation`, `after` and `times`."""
        self.control("PUT", "/faults", {"service": service, "fault": fault, **options})

    def clear_faults(self, service: str | None = None) -> None:
        self.control("DELETE", "/faults" + (f"?service={service}" if service else ""))

    def settings(self, **services: dict) -> dict:
        """Changes settings: `settings(jira={"lagSeconds": 2})`. Returns all of them."""
        return self.control("PUT", "/settings", services)

    def by_hand(self, key: str, service: str = "jira", **change) -> None:
        """Does to a ticket what a person does: `by_hand("SEC-1", status="Done")`, or `assignee`, `priority`, `newKey`, `isDeleted`."""
        self.control("PUT", "/tickets", {"service": service, "key": key, **change})

    def advance(self, seconds: int) -> None:
        """Advances the clock of the services, so that no test waits for them."""
        self.control("PUT", "/clock", {"advanceSeconds": seconds})

    def forget(self) -> None:
        """Forgets what the services were told."""
        self.control("DELETE", "/state")

    def reset(self) -> None:
        """Restores the state, the settings and the clock of the start, without faults."""
        self.control("POST", "/reset")
        self.violations_expected = False


def start() -> ChannelServers:
    process = subprocess.Popen([binary()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"the servers of the channels ended with status {process.wait()}")
    return ChannelServers(process, json.loads(line))


def stop(servers: ChannelServers) -> None:
    # The end of its standard input ends it.
    with servers.process:
        servers.process.stdin.close()
        servers.process.wait(timeout=20)


@contextlib.contextmanager
def running():
    """Runs the servers until the end of the block."""
    servers = start()
    try:
        yield servers
    finally:
        stop(servers)


@contextlib.contextmanager
def undisturbed(servers: ChannelServers):
    """Lends running servers to a test, as they were at their start. The test fails if it sent what no program should send."""
    servers.reset()
    yield servers
    violations = servers.violations()
    assert servers.violations_expected or not violations, violations
