"""An endpoint like AWS's STS, that checks the signature of each request (SigV4) and whose key is of today."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import re
import secrets
import string
import threading

from cli.program import remember

_ANSWER = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/{0}</Arn><UserId>{0}</UserId><Account>123456789012</Account>
</GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>"""
_REFUSED = """<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>
<Message>{}</Message></Error></ErrorResponse>"""
_SCHEME = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d+)/([\w-]+)/sts/aws4_request, "
    r"SignedHeaders=([\w;-]+), Signature=(\w+)"
)
_LETTERS = string.ascii_letters + string.digits


def sign(secret, date, region, method, path, headers, names, body):
    """The signature; see "Create a signed AWS API request" in the IAM user guide."""
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in names)
    request = "\n".join((method, path, "", lines, ";".join(names), hashlib.sha256(body).hexdigest()))
    scope = f"{date}/{region}/sts/aws4_request"
    hashed = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashed))
    key = b"AWS4" + secret.encode()
    for part in (date, region, "sts", "aws4_request", text):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


class AwsServer:
    """`key`: (id, secret, session token or "") of today. `asked`: (key id, status) of each request."""

    def __init__(self) -> None:
        self.asked = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.rotate()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def rotate(self):
        """A new key: the fields of a connection. The old one is refused from now on."""
        key_id = "ASIA" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(16))
        secret = remember("".join(secrets.choice(_LETTERS) for _ in range(40)).encode()).decode()
        token = remember(secrets.token_urlsafe(40).encode()).decode()
        self.key = (key_id, secret, token)
        return {
            "access_key_id": key_id,
            "secret_access_key": secret,
            "session_token": token,
            "region": "eu-central-1",
        }

    def _refuse(self, method, path, headers, body):
        """(key id, why it is refused or None)."""
        read = _SCHEME.fullmatch(headers.get("authorization", ""))
        if read is None:
            return "", "not signed"
        key_id, date, region, names, signature = read.groups()
        own_id, secret, token = self.key
        if key_id != own_id or headers.get("x-amz-security-token", "") != token:
            return key_id, "not the key of today"
        right = sign(secret, date, region, method, path, headers, names.split(";"), body)
        return key_id, None if hmac.compare_digest(right, signature) else "a wrong signature"

    def _handler(server):  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                key_id, why = server._refuse("POST", self.path, headers, body)
                server.asked.append((key_id, 403 if why else 200))
                answer = (_REFUSED.format(why) if why else _ANSWER.format(key_id)).encode()
                self.send_response(403 if why else 200)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        return Handler
