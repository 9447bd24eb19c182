"""Machines log in: every flow without a person, at a certified authorization server, and each is renewed."""

from __future__ import annotations

import json
import secrets

import pytest
from joserfc.jwk import ECKey, RSAKey

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def key_pair(algorithm):
    """(PEM of the private half, JWK of the public one), made up."""
    key = ECKey.generate_key("P-256") if algorithm == "ES256" else RSAKey.generate_key(2048)
    public = {**key.as_dict(private=False), "alg": algorithm, "use": "sig", "kid": secrets.token_hex(4)}
    return key.as_pem(private=True), public


def by_secret(method, client):
    def login(acme, secret):
        acme.define("client_credentials", client, token_endpoint_auth_method=method, scopes=["api:read"])
        hard = acme.server.hard_secret.encode()
        acme.program("client", "set", "acme", "--client-id", client, "--stdin", input=hard, check=True)
        acme.program("login", "acme", check=True)
        return "client_credentials", client

    return login


def by_key(algorithm):
    def login(acme, secret):
        pem, public = key_pair(algorithm)
        client = acme.server.register(
            token_endpoint_auth_method="private_key_jwt",
            token_endpoint_auth_signing_alg=algorithm,
            grant_types=["client_credentials"],
            response_types=[],
            redirect_uris=[],
            jwks={"keys": [public]},
        )["client_id"]
        acme.define(
            "client_credentials",
            client,
            token_endpoint_auth_method="private_key_jwt",
            scopes=["api:read"],
        )
        given = {"client_id": client, "private_key": secret(pem).decode()}
        acme.program("client", "set", "acme", "--stdin", input=json.dumps(given).encode(), check=True)
        acme.program("login", "acme", check=True)
        return "client_credentials", client

    return login


def as_service_account(acme, secret):
    """The key file is that of a service account, with more in it than is needed."""
    pem, public = key_pair("RS256")
    account = acme.server.register(
        token_endpoint_auth_method="none",
        grant_types=[JWT_BEARER],
        response_types=[],
        redirect_uris=[],
        jwks={"keys": [public]},
    )["client_id"]
    acme.define("jwt_bearer", account, scopes=["api:read"])
    key_file = {
        "type": "service_account",
        "project_id": "acme",
        "client_email": account,
        "private_key_id": public["kid"],
        "private_key": secret(pem).decode(),
    }
    acme.program("login", "acme", "--stdin", input=json.dumps(key_file).encode(), check=True)
    return JWT_BEARER, account


def as_job(acme, secret):
    """The job's own token is that of a person who is logged in elsewhere, and may more than is asked for."""
    acme.define(name="issuer")
    assert acme.login(provider="issuer")[0] == 0
    subject = acme.token("issuer")
    acme.define(
        "token_exchange",
        "post",
        token_endpoint_auth_method="client_secret_post",
        scopes=["api:read"],
        exchange={"subject_token_type": ACCESS_TOKEN},
    )
    hard = acme.server.hard_secret.encode()
    acme.program("client", "set", "acme", "--client-id", "post", "--stdin", input=hard, check=True)
    words = ("login", "acme", "--from-env", "subject_token=JOB_TOKEN")
    acme.program(*words, env={"JOB_TOKEN": subject}, check=True)
    return EXCHANGE, "post"


@pytest.mark.parametrize(
    "login",
    [
        pytest.param(by_secret("client_secret_basic", "basic:client/id"), id="basic"),
        pytest.param(by_secret("client_secret_post", "post"), id="post"),
        pytest.param(by_key("ES256"), id="ec-key"),
        pytest.param(by_key("RS256"), id="rsa-key"),
        pytest.param(as_service_account, id="jwt-bearer"),
        pytest.param(as_job, id="token-exchange"),
    ],
)
def test_a_machine_logs_in_and_is_renewed_when_due(acme, secret, login):
    server = acme.server
    grant, client = login(acme, secret)
    first = acme.token()
    told = server.introspect(first)
    assert (told["active"], told["client_id"], told["scope"]) == (True, client, "api:read")
    before = server.granted(grant)

    server.set(access_ttl=1)
    acme.program("refresh", "acme", check=True)
    acme.outlive()
    server.set(access_ttl=3600)
    second = acme.token()
    ran = acme.program("run", "-p", "acme", "--", "printenv", "ACME_TOKEN", check=True)
    assert ran.stdout.decode().strip() == second  # renewed once; the program gets the same
    assert acme.alive(second)
    assert server.granted(grant) == (before[0] + 2, before[1])
    assert acme.shown()["scopes"] == ["api:read"]


def test_a_wrong_secret_is_refused_and_not_told(acme, secret):
    acme.define(
        "client_credentials", "post", token_endpoint_auth_method="client_secret_post", scopes=["api:read"]
    )
    wrong = secret(secrets.token_hex(16).encode())
    acme.program("client", "set", "acme", "--client-id", "post", "--stdin", input=wrong, check=True)
    done = acme.program("login", "acme")
    assert done.returncode == 9
    assert b"invalid_client" in done.stderr
    assert acme.shown() is None
