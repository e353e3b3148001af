"""Calls of the supervisor to AWS and MiniStack: a loopback endpoint with plain JSON."""

import base64
import datetime
import decimal
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import aws_clients
import aws_events
import clock
import cloudtrail
import event_sources
import functions
import gate
import grants
import moto_client
import rust
import schedules
import settings
import throttling

_clients: dict = {}
_lock = threading.Lock()


def _plain(value):
    """Converts values of boto3 to JSON: times to ISO 8601, bytes to base64."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if k != "ResponseMetadata"}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if isinstance(value, decimal.Decimal):
        return float(value)
    if hasattr(value, "read"):
        return value.read().decode("utf-8", "replace")
    return value


def _client(service: str, credentials: dict | None):
    credentials = credentials or settings.root_credentials()
    key = (service, credentials["accessKeyId"])
    with _lock:
        if key not in _clients:
            if len(_clients) > 256:
                _clients.clear()  # role sessions are short-lived
            _clients[key] = aws_clients.make(
                service,
                settings.endpoint(),
                settings.current().region,
                credentials,
                retries={"mode": "standard", "max_attempts": 4},
                read_timeout=910,
                s3={"addressing_style": "path"},
            )
        return _clients[key]


def _snake(operation: str) -> str:
    from botocore import xform_name

    return xform_name(operation)


def call(data: dict) -> dict:
    """Calls any operation of any service: {service, operation, parameters, credentials}."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = _client(data["service"], data.get("credentials"))
        method = getattr(client, _snake(data["operation"]), None)
        if method is None:
            return {"error": {"code": "UnknownOperation", "message": f"{data['service']} has no operation {data['operation']}"}}
        return {"result": _plain(method(**data.get("parameters", {})))}
    except ClientError as error:
        return {
            "error": {
                "code": error.response["Error"].get("Code", ""),
                "message": error.response["Error"].get("Message", ""),
                "status": error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0),
            }
        }
    except (BotoCoreError, ValueError) as error:
        return {"error": {"code": type(error).__name__, "message": str(error)}}


def _groups(wanted: list[str]) -> list[dict]:
    """Returns those of the groups that exist. One call suffices if all exist; if one does not, EC2 rejects the call."""
    from botocore.exceptions import ClientError

    try:
        return moto_client.client().describe_security_groups(GroupIds=wanted)["SecurityGroups"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidGroup.NotFound":
            raise
    return [group for one in wanted for group in _groups([one])] if len(wanted) > 1 else []


def security_groups(data: dict) -> dict:
    """Returns all or some groups as EC2 describes them, with the network interfaces that use them."""
    client = moto_client.client()
    groups, wanted = [], data.get("groupIds") or []
    if wanted:
        groups = _groups(wanted)
    else:
        for page in client.get_paginator("describe_security_groups").paginate():
            groups += page["SecurityGroups"]
    interfaces: dict[str, list[str]] = {}
    for interface in client.describe_network_interfaces()["NetworkInterfaces"]:
        for group in interface.get("Groups", []):
            interfaces.setdefault(group["GroupId"], []).append(interface["NetworkInterfaceId"])
    return {"groups": [{**_plain(g), "NetworkInterfaceIds": sorted(interfaces.get(g["GroupId"], []))} for g in groups]}


def invoke(data: dict) -> dict:
    """Invokes a function asynchronously for an AWS service, and reports the end to the supervisor."""
    invocation = data["invocationId"]

    def ended(error):
        rust.post("/internal/invocation-ended", {"invocationId": invocation, "error": error})

    refused = functions.invoke_as_service(data["function"], data["event"], data["servicePrincipal"], data["sourceArn"], ended)
    return {"refused": refused}


def invocable(data: dict) -> dict:
    return {"refused": grants.lambda_invocable_by(data["function"], data["servicePrincipal"], data["sourceArn"])}


def assume(data: dict) -> dict:
    try:
        return {
            "credentials": grants.assume_role_as_service(data["roleArn"], data["servicePrincipal"], data["sessionName"], data["sourceArn"])
        }
    except grants.RoleNotAssumable:
        return {"credentials": None}


def caller_credentials(data: dict) -> dict:
    """Returns the credentials of an access key id: an automation without a role acts as its caller."""
    from ministack.core import iam_evaluator, responses

    current = settings.current()
    with responses.request_scope(current.account_id, current.region):
        found = iam_evaluator.resolve_credential(data["accessKeyId"], current.account_id)
    if isinstance(found, iam_evaluator.CredentialResolutionError):
        return {"credentials": None}
    return {
        "credentials": {
            "accessKeyId": found.access_key_id,
            "secretAccessKey": found.secret_access_key,
            "sessionToken": found.session_token or "",
            "arn": found.principal_arn,
        }
    }


def authorize(data: dict) -> dict:
    return {"refused": grants.authorize(data["accessKeyId"], data["action"], data["resource"], data.get("context", {}))}


def apply_settings(data: dict) -> dict:
    settings.change(data)
    throttling.set_bucket(data.get("ec2BucketSize"), data.get("ec2RefillPerSecond"), data.get("ec2ThrottledPrincipal"))
    return {}


def move_clock(data: dict) -> dict:
    clock.move(float(data["seconds"]))
    aws_events.wake()
    return {}


def reset(_data: dict) -> dict:
    import urllib3

    pool = urllib3.PoolManager(retries=False)
    pool.request("POST", settings.endpoint() + "/_ministack/reset", timeout=60)
    pool.request("POST", settings.current().moto_url + "/moto-api/reset", timeout=60)
    gate.clear_calls()
    gate.clear_faults()
    aws_events.reset()
    cloudtrail.reset()
    return {}


_OPERATIONS = {
    "/call": call,
    "/security-groups": security_groups,
    "/invoke": invoke,
    "/invocable": invocable,
    "/assume": assume,
    "/caller-credentials": caller_credentials,
    "/authorize": authorize,
    "/event": aws_events.put_now,
    "/settings": apply_settings,
    "/clock": move_clock,
    "/reset": reset,
    "/faults": gate.add_fault,
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        pass

    def _reply(self, status: int, data) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urlparse(self.path)
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        if url.path == "/calls":
            self._reply(200, gate.calls(int(query.get("since", 0)), query.get("principal", ""), query.get("action", "")))
        elif url.path == "/faults":
            self._reply(200, gate.faults())
        elif url.path == "/pending":
            self._reply(200, functions.pending() + aws_events.pending() + event_sources.pending() + schedules.pending())
        else:
            self._reply(404, {"error": {"code": "NotFound", "message": url.path}})

    def do_DELETE(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        {"/faults": gate.clear_faults, "/calls": gate.clear_calls}.get(urlparse(self.path).path, lambda: None)()
        self._reply(200, {})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        operation = _OPERATIONS.get(urlparse(self.path).path)
        if operation is None:
            self._reply(404, {"error": {"code": "NotFound", "message": self.path}})
            return
        try:
            self._reply(200, operation(json.loads(body or b"{}")))
        except ValueError as error:
            self._reply(400, {"error": {"code": "InvalidRequest", "message": str(error)}})
        except Exception as error:
            self._reply(500, {"error": {"code": type(error).__name__, "message": str(error)}})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def serve(port: int) -> None:
    server = _Server(("127.0.0.1", port), _Handler)
    threading.Thread(target=server.serve_forever, name="bridge", daemon=True).start()
