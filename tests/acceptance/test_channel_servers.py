"""The servers that stand for Slack, Jira and the others, as the acceptance tests use them."""

import base64
import contextlib
import http.client
import json
import pathlib
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

import channel_servers as program
import pytest
from local_cloud import wait_for


def post(url: str, body: dict, authorization: str = "") -> tuple[int, dict]:
    headers = {"content-type": "application/json"} | ({"authorization": authorization} if authorization else {})
    request = urllib.request.Request(url, method="POST", data=json.dumps(body).encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, json.loads(reply.read() or "{}")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or "{}")


def message(text: str) -> dict:
    return {"channel": "#security", "text": text, "blocks": [{"type": "section", "text": {"type": "plain_text", "text": text}}]}


def say(servers, text: str) -> tuple[int, dict]:
    return post(servers.urls["slack"] + "/chat.postMessage", message(text), "Bearer " + servers.secrets["slack"])


def ticket(summary: str) -> dict:
    return {"fields": {"project": {"key": "SEC"}, "issuetype": {"name": "Task"}, "summary": summary, "labels": ["a"]}}


def test_a_message_is_kept_and_shown(channel_servers):
    status, answer = say(channel_servers, "sg-1 is open\x1b[31m")
    assert (status, answer["ok"]) == (200, True)
    (kept,) = channel_servers.messages("#security")
    assert kept["ts"] == answer["ts"]
    assert kept["text"] == "sg-1 is open\x1b[31m"
    assert "│ sg-1 is open\\u{1b}[31m\n" in channel_servers.rendered()
    assert [call["operation"] for call in channel_servers.calls("slack")] == ["chat.postMessage"]


def test_each_test_begins_without_what_another_one_left(channel_servers):
    assert channel_servers.messages("#security") == []
    assert channel_servers.calls("slack") == []


def test_a_ticket_is_found_once_the_index_has_it(channel_servers):
    jira, secret = channel_servers.urls["jira"] + "/rest/api/3", channel_servers.secrets["jira"]
    authorization = "Basic " + base64.b64encode(secret.encode()).decode()
    assert post(f"{jira}/issue", ticket("sg-1 is open"), authorization)[0] == 201

    def found() -> list[dict]:
        query = {"jql": 'labels = "a" ORDER BY created DESC', "fields": ["status"]}
        return post(f"{jira}/search/jql", query, authorization)[1]["issues"]

    assert found() == []
    channel_servers.advance(60)
    assert [issue["key"] for issue in found()] == ["SEC-1"]
    assert channel_servers.tickets()[0]["summary"] == "sg-1 is open"
    channel_servers.by_hand("SEC-1", status="Done", assignee="ana")
    assert (channel_servers.tickets()[0]["isClosed"], channel_servers.tickets()[0]["assignee"]) == (True, "ana")
    channel_servers.by_hand("SEC-1", isDeleted=True)
    assert (channel_servers.tickets(), found()) == ([], [])


def test_an_answer_that_is_lost_leaves_what_was_carried_out(channel_servers):
    channel_servers.fault("slack", "hangAfter", operation="chat.postMessage", times=1)
    url = urllib.parse.urlsplit(channel_servers.urls["slack"] + "/chat.postMessage")
    with contextlib.closing(http.client.HTTPConnection(url.netloc)) as connection:
        headers = {"content-type": "application/json", "authorization": "Bearer " + channel_servers.secrets["slack"]}
        connection.request("POST", url.path, json.dumps(message("one")), headers)
        wait_for("the call to be carried out", lambda: channel_servers.messages("#security"))
    channel_servers.fault("slack", "closeBefore", times=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        say(channel_servers, "two")
    say(channel_servers, "three")
    assert [kept["text"] for kept in channel_servers.messages("#security")] == ["one", "three"]


def test_a_service_that_is_down_comes_back_on_its_port(channel_servers):
    channel_servers.fault("slack", "down")
    with pytest.raises(urllib.error.URLError, match="refused"):
        say(channel_servers, "one")
    channel_servers.clear_faults("slack")
    assert say(channel_servers, "two")[1]["ok"]


def test_a_rate_limit_says_how_long_to_wait(channel_servers):
    channel_servers.fault("slack", {"rateLimit": {"retryAfter": 7}}, times=1)
    assert say(channel_servers, "one") == (429, {"ok": False, "error": "ratelimited"})
    assert say(channel_servers, "two")[1]["ok"]


def test_a_violation_is_refused_and_remembered(channel_servers):
    channel_servers.violations_expected = True
    assert say(channel_servers, "a" * 3001)[1]["error"] == "invalid_blocks"
    (violation,) = channel_servers.violations()
    assert (violation["service"], violation["operation"]) == ("slack", "chat.postMessage")


def test_a_test_that_violates_a_limit_fails():
    with program.running() as servers:
        lent = program.undisturbed(servers)
        say(lent.__enter__(), "a" * 3001)
        with pytest.raises(AssertionError, match="at most 3000"):
            lent.__exit__(None, None, None)


def test_a_mistake_of_a_test_is_an_error(channel_servers):
    with pytest.raises(AssertionError, match="slack has no operation `post`"):
        channel_servers.fault("slack", "hangAfter", operation="post")


def test_the_servers_end_with_their_standard_input():
    servers = program.start()
    program.stop(servers)
    assert servers.process.returncode == 0
    with pytest.raises(urllib.error.URLError):
        servers.state()


def test_the_servers_end_with_whoever_started_them():
    code = "import channel_servers, os; print(channel_servers.start().urls['control'], flush=True); os._exit(1)"
    # They have its standard error, too, so `run` returns when they have ended.
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=pathlib.Path(program.__file__).parent, capture_output=True, text=True, check=False
    )
    control = ended.stdout.strip()
    assert control.startswith("http://127.0.0.1:"), ended.stderr
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(control + "/state", timeout=5)
