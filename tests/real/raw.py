"""Bytes over a socket, as no browser would send them, and all that comes back."""

from __future__ import annotations

import socket

WAIT_S = 60.0


def connect(port, host="127.0.0.1"):
    return socket.create_connection((host, port), timeout=WAIT_S)


def talk(port, raw, host="127.0.0.1"):
    with connect(port, host) as connection:
        connection.sendall(raw)
        return rest_of(connection)


def rest_of(connection):
    """All that comes until the other side ends it. A reset is an error."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def request(host, target="/", *, method="GET", headers=(), body=b""):
    """`headers`: lines. `host` None: none is sent."""
    lines = [f"{method} {target} HTTP/1.1", *([f"Host: {host}"] if host is not None else []), *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def status(answer):
    """0 if there is none."""
    return int(answer.split()[1]) if answer else 0


def header(answer, name):
    head = answer.partition(b"\r\n\r\n")[0].decode()
    found = [line.partition(": ")[2] for line in head.split("\r\n") if line.lower().startswith(f"{name}: ")]
    assert len(found) <= 1
    return found[0] if found else None
