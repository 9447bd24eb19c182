"""`authsome token`: one bare secret on stdout, for key helpers and scripts."""

from __future__ import annotations

import json

from authsome_env.app.find import find_connection, pick_field
from authsome_env.app.fresh import use_fresh
from authsome_env.app.resolve import known_fields
from authsome_env.deliver.text import utf8
from authsome_env.model import Reference

from . import arguments, token_inside
from .invocation import Invocation
from .setting import workspace_of


def token(invocation: Invocation, reference: arguments.Reference) -> None:
    """The access token, or the API key's only field; name a field with #field. In a command of `authsome run`
    it comes from the run, which needs no key and has no other connections.

    Example: OPENAI_API_KEY="$(authsome token openai:work)" python agent.py
    """
    wanted = Reference.parse(reference)
    told = token_inside.find(wanted, invocation)
    if told is not None:
        token_inside.answer(reference, told, invocation)
        return
    workspace = workspace_of(invocation)
    with workspace.open() as vault:
        found = find_connection(workspace, vault, wanted.provider, wanted.connection)
        credential, warnings = use_fresh(workspace, vault, found)
        known, _ = known_fields(workspace, vault, wanted.provider)
        secret = pick_field(workspace, credential, wanted.field, known)
    for warning in warnings:
        invocation.warn(warning)
    if not invocation.json:
        invocation.data(secret.reveal_bytes() + b"\n")
        return
    connection = credential.connection
    result = {
        "provider": connection.provider,
        "connection": connection.name,
        "token": utf8(reference, secret.reveal_bytes(), "JSON"),
        "expires_at": connection.expires_at,
    }
    invocation.data(json.dumps(result) + "\n")
