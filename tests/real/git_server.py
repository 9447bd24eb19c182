"""A git server over https that wants `Authorization: Basic` with a token: the real `git http-backend` behind
a small server. A repository `/alice/tool.git` is for whoever has a token of alice, today's one.
"""

from __future__ import annotations

import base64
import datetime as dt
import http.server
import ipaddress
import os
import secrets
import ssl
import subprocess
import threading

from cli.program import remember
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def make_certificate(folder):
    """Paths of a new certificate for 127.0.0.1 and localhost, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authsome tests")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = [os.path.join(folder, each) for each in ("server.pem", "server.key")]
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for path, content in zip(
        paths, (certificate.public_bytes(serialization.Encoding.PEM), private), strict=True
    ):
        with open(path, "wb") as file:
            file.write(content)
    return paths


class GitServer:
    """`tokens`: account to its token of today. `asked`: (account or "", user name, status) by request."""

    def __init__(self, folder, git) -> None:
        self.folder = folder
        self.git = git
        self.tokens = {}
        self.asked = []
        self.certificate, key = make_certificate(folder)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.host = f"localhost:{self._server.server_port}"
        self.url = f"https://{self.host}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def rotate(self, account):
        """A new token; the old one is refused from now on."""
        self.tokens[account] = remember(b"tok_" + secrets.token_hex(16).encode()).decode()
        return self.tokens[account]

    def add_repository(self, path):
        """An empty one, that may be pushed to."""
        where = os.path.join(self.folder, path)
        for words in (("init", "-q", "--bare", where), ("-C", where, "config", "http.receivepack", "true")):
            subprocess.run([self.git, *words], check=True, capture_output=True)

    def _handler(server):  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                owner = self.path.lstrip("/").partition("/")[0]
                user, account = server.whose(self.headers.get("Authorization", ""))
                if account != owner:
                    server.asked.append((account, user, 401))
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="git"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    self.close_connection = True  # a body that was sent along is not read
                    return
                server.asked.append((account, user, 200))
                self._backend(account)

            do_POST = do_GET  # noqa: N815 - the name is the library's

            def _backend(self, account):
                path, _, query = self.path.partition("?")
                length = self.headers.get("Content-Length")
                body = self.rfile.read(int(length)) if length else self._chunks()
                done = subprocess.run(
                    [server.git, "http-backend"],
                    input=body,
                    stdout=subprocess.PIPE,
                    check=True,
                    env={
                        "PATH": os.environ["PATH"],
                        "GIT_PROJECT_ROOT": str(server.folder),
                        "GIT_HTTP_EXPORT_ALL": "1",
                        "REQUEST_METHOD": self.command,
                        "PATH_INFO": path,
                        "QUERY_STRING": query,
                        "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                        "CONTENT_LENGTH": str(len(body)),
                        "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                        "REMOTE_USER": account,
                    },
                )
                head, _, rest = done.stdout.partition(b"\r\n\r\n")
                headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
                self.send_response(int(headers.pop("Status", "200").split()[0]))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(rest)))
                self.end_headers()
                self.wfile.write(rest)

            def _chunks(self):
                body = b""
                if self.headers.get("Transfer-Encoding") == "chunked":
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                return body

        return Handler

    def whose(self, header):
        """(user name, account) of a header; the account is empty if nobody's token of today is in it."""
        if not header.startswith("Basic "):
            return "", ""
        user, _, token = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        return user, next((account for account, today in self.tokens.items() if today == token), "")
