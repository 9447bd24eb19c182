"""How long a start with one due token takes, as a ratio to a bare Python start, measured in one run.

    python tests/bench/due.py [ROUNDS]

The token endpoint is in this process and answers at once, with tokens that are due again immediately; its
time is part of what is measured.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

AUTHSOME = os.path.join(os.path.dirname(sys.executable), "authsome")


class TokenEndpoint(BaseHTTPRequestHandler):
    asked = 0

    def do_POST(self) -> None:
        type(self).asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = {"access_token": secrets.token_hex(20), "token_type": "Bearer", "expires_in": 0}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def connect(folder: str, url: str, environ: dict[str, str]) -> None:
    definition = {
        "schema_version": 1,
        "name": "acme",
        "auth_type": "oauth2",
        "flow": "client_credentials",
        "oauth": {"token_url": f"{url}/token"},
        "env": {"ACME_TOKEN": "{access_token}"},
    }
    path = os.path.join(folder, "acme.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(definition, file)
    for words, typed in (
        (["provider", "add", path], ""),
        (["client", "set", "acme", "--client-id", "bench", "--stdin"], secrets.token_hex(20)),
        (["login", "acme"], ""),
    ):
        subprocess.run([AUTHSOME, "--quiet", *words], env=environ, input=typed, text=True, check=True)


def main(rounds: int) -> None:
    base = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadingHTTPServer(("127.0.0.1", 0), TokenEndpoint) as server,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environ = {**base, "HOME": folder, "AUTHSOME_HOME": f"{folder}/home"}
        subprocess.run([AUTHSOME, "--quiet", "init", "--key", "file"], env=environ, check=True)
        connect(folder, f"http://127.0.0.1:{server.server_port}", environ)
        rows = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "run with one due token": [AUTHSOME, "run", "--", "true"],
        }
        seconds: dict[str, list[float]] = {name: [] for name in rows}
        before = TokenEndpoint.asked
        for _ in range(rounds):
            for name, command in rows.items():
                begin = time.perf_counter()
                subprocess.run(command, env=environ, check=True)
                seconds[name].append(time.perf_counter() - begin)
        if TokenEndpoint.asked - before != rounds:
            raise SystemExit(f"{TokenEndpoint.asked - before} refreshes in {rounds} rounds")
        server.shutdown()
    bare, due = (statistics.median(seconds[name]) for name in rows)
    print(f"Python {sys.version.split()[0]}, {rounds} rounds, medians")
    print(f"run with one due token: {due * 1000:.0f} ms, {due / bare:.1f} x python -c pass (limit 25)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
