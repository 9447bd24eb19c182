"""A server whose certificate is not to be trusted gets nothing: no code, no token, no request at all."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from cli.acme import DEAD_S, DUE_S, Acme
from cli.misbehaving import tls
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)
LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
BAD = ("self-signed", "other host", "expired", "not yet", "other authority")
AT_ONCE = 3


class Authority:
    def __init__(self, name):
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.sign(self.key.public_key(), self.name, None, is_authority=True)

    def sign(self, key, name, host, *, begin=-1, end=1, is_authority=False):
        """`begin`, `end`: days from now."""
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begin * DAY)
            .not_valid_after(now + end * DAY)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        if host is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([host]), critical=False)
        return builder.sign(self.key, hashes.SHA256())


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def contexts(tmp_path_factory):
    """By kind: what the server shows; `contexts["file"]`: the authority to be trusted."""
    folder = tmp_path_factory.mktemp("certificates")
    trusted, other = Authority("trusted"), Authority("other")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])

    def shown(kind, authority, host=LOOPBACK, **when):
        key = authority.key if kind == "self-signed" else ec.generate_private_key(ec.SECP256R1())
        subject = authority.name if kind == "self-signed" else name
        certificate = authority.sign(key.public_key(), subject, host, **when)
        paths = [str(folder / f"{kind}.{what}") for what in ("crt", "key")]
        written = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        for path, content in zip(paths, (pem(certificate), written), strict=True):
            with open(path, "wb") as file:
                file.write(content)
        return tls(*paths)

    authority = folder / "authority.crt"
    authority.write_bytes(pem(trusted.certificate))
    return {
        "file": os.fspath(authority),
        "good": shown("good", trusted),
        "self-signed": shown("self-signed", Authority("itself")),
        "other host": shown("other host", trusted, x509.DNSName("other.example")),
        "expired": shown("expired", trusted, begin=-9, end=-1),
        "not yet": shown("not yet", trusted, begin=1, end=9),
        "other authority": shown("other authority", other),
    }


@pytest.fixture
def acme(authsome, misbehaving, contexts):
    misbehaving.context = contexts["good"]
    misbehaving.url = misbehaving.url.replace("http:", "https:")
    authsome.environ["SSL_CERT_FILE"] = contexts["file"]
    return Acme(authsome, misbehaving)


def test_a_good_certificate_is_good_enough(authsome, acme):
    family = acme.login("default", left=DUE_S)
    done = acme.token("default", check=True)
    assert (done.stdout.decode().strip(), done.stderr) == (family.access, b"")
    authsome("revoke", "acme", "-c", "default", "--yes", check=True)
    assert family.revoked == ["refresh_token", "access_token"]


def test_without_its_authority_it_is_not(authsome, acme, misbehaving):
    family = acme.login("default", left=DEAD_S)
    done = acme.token("default", env={"SSL_CERT_FILE": None})
    assert done.returncode == 8
    assert b"is not to be trusted" in done.stderr
    assert family.asked == 0


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_certificate_gets_nothing(authsome, acme, misbehaving, contexts, kind):
    live = acme.login("live", left=DUE_S)
    acme.login("dead", left=DEAD_S)
    acme.login("doomed")
    code, _ = misbehaving.code()
    misbehaving.asked.clear()
    misbehaving.context = contexts[kind]
    words = {
        "login": ("login", "acme", "-c", "more", "--no-browser"),
        "dead": ("token", "acme:dead"),
        "live": ("token", "acme:live"),
        "revoke": ("revoke", "acme", "-c", "doomed", "--yes"),
    }

    def run(name):
        return authsome(*words[name], input=code.encode() + b"\n" if name == "login" else b"")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = dict(zip(words, pool.map(run, words), strict=True))
    assert {name: done.returncode for name, done in ended.items()} == {
        "login": 8,
        "dead": 8,
        "live": 0,
        "revoke": 8,
    }
    for name, done in ended.items():
        assert b"the certificate of 127.0.0.1:" in done.stderr, name
        assert b"is not to be trusted: " in done.stderr, name
    assert ended["live"].stdout.decode().strip() == live.first
    assert ended["live"].stderr.count(b"\n") == 1
    assert misbehaving.asked == []
    connection, _, grant = acme.record("live")
    assert grant.sent_at is None  # nothing was sent, so nothing is in doubt
    assert "is not to be trusted" in connection.last_error
    misbehaving.context = contexts["good"]
    authsome("refresh", "acme", "-c", "live", "--force", check=True)
    assert acme.kept("live", live)


def test_discovery_believes_no_bad_certificate(authsome, acme, misbehaving, contexts):
    acme.define(issuer=misbehaving.url, **dict.fromkeys(("authorization_url", "token_url", "revocation_url")))
    misbehaving.context = contexts["expired"]
    done = authsome("login", "acme", "--no-browser")
    assert done.returncode == 8
    assert b"is not to be trusted: certificate has expired" in done.stderr
    assert misbehaving.asked == []
