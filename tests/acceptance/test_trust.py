"""The packaged functions trust the roots of the system where an endpoint has none of Amazon's: in a partition with its own authority."""

import datetime
import http.server
import ipaddress
import os
import ssl
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from local_cloud import REPOSITORY, wait_for
from portcullis import program


def certificate(name: str, signer=None):
    """A certificate and its key: of an authority, or of a server at 127.0.0.1 that an authority signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, issuer_key = (signer[0].subject, signer[1]) if signer else (subject, key)
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    extension = address if signer else x509.BasicConstraints(ca=True, path_length=None)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).add_extension(extension, critical=not signer)
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    return builder.sign(issuer_key, hashes.SHA256()), key


def pem(one: x509.Certificate) -> bytes:
    return one.public_bytes(serialization.Encoding.PEM)


class Runtime(http.server.BaseHTTPRequestHandler):
    """The runtime interface of Lambda, with one event, and AWS, which accepts every call."""

    protocol_version = "HTTP/1.1"

    def reply(self, body: bytes, **headers: str) -> None:
        self.send_response(200)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.server.given:
            # Lambda freezes a function that waits for its next event.
            self.server.finished.wait(30)
            return
        self.server.given = True
        self.reply(self.server.event, **{"Lambda-Runtime-Aws-Request-Id": "1", "Lambda-Runtime-Deadline-Ms": "9999999999999"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.posts.append((self.headers.get("X-Amz-Target") or self.path, body))
        self.reply(b"{}")

    def log_message(self, *arguments: object) -> None:
        """Tests need no access log."""


class Server(http.server.ThreadingHTTPServer):
    """Counts the clients that do not trust its certificate."""

    def get_request(self):
        try:
            return super().get_request()
        except ssl.SSLError:
            self.distrusted += 1
            raise


def serve(event: bytes = b""):
    server = Server(("127.0.0.1", 0), Runtime)
    server.event, server.given, server.posts, server.distrusted, server.finished = event, False, [], 0, threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def event():
    """A change of a group, as AWS Config sends it."""
    return (REPOSITORY / "crates" / "aws-events" / "tests" / "samples" / "config-change-event.json").read_bytes()


@pytest.mark.parametrize("trusted", [True, False], ids=["a root of the system", "no root of the system"])
def test_the_roots_of_the_system_are_read_where_those_of_amazon_do_not_fit(tmp_path, event, trusted):
    authority, other = certificate("Sovereign Root"), certificate("Another Root")
    server_certificate, server_key = certificate("endpoint", authority)
    private = server_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "server.pem").write_bytes(pem(server_certificate) + private)
    # Takes the place of /etc/pki/tls/certs/ca-bundle.crt. AWS_CA_BUNDLE, which would replace every root, is not set.
    (tmp_path / "system.pem").write_bytes(pem((authority if trusted else other)[0]))
    evaluator = program("rule-evaluator", tmp_path)

    runtime, endpoint = serve(event), serve()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    endpoint.socket = context.wrap_socket(endpoint.socket, server_side=True)
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "evaluator",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "AWS_LAMBDA_LOG_GROUP_NAME": "group",
        "AWS_REGION": "eusc-de-east-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_ENDPOINT_URL": f"https://127.0.0.1:{endpoint.server_port}",
        "AWS_MAX_ATTEMPTS": "1",
        "SSL_CERT_FILE": str(tmp_path / "system.pem"),
    }
    with (tmp_path / "log").open("w") as log:
        function = subprocess.Popen([evaluator], env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            if trusted:
                wait_for("the response of the function", lambda: runtime.posts)
            else:
                # Once for the roots of Amazon, and once for those of the system; retries follow.
                wait_for("the second handshake", lambda: endpoint.distrusted >= 2)
        finally:
            function.kill()
            function.wait()
            runtime.finished.set()
            for server in (runtime, endpoint):
                server.shutdown()
                server.server_close()
    calls = [target for target, _ in endpoint.posts]
    if trusted:
        ((path, body),) = runtime.posts
        assert path.endswith("/response"), body
        assert "StarlingDoveService.PutEvaluations" in calls
        assert endpoint.distrusted == 1, "the roots of Amazon come first, once"
    else:
        assert calls == []
