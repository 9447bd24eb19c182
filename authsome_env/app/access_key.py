"""What `credential_process` of an AWS configuration prints.

See docs.aws.amazon.com/sdkref, "Process credential provider".
"""

from __future__ import annotations

import json

from authsome_env.deliver.aws_config import iso_8601
from authsome_env.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .told import Told

ASK_AGAIN_S = 20 * 60
"""A key that does not expire may be exchanged all the same, and an SDK that is told no end never asks again.
botocore asks from 15 minutes before the end on."""


def answer(told: Told, now: float) -> bytes:
    """Raises UsageError for a connection that is no access key."""
    if not told.is_access_key:
        raise UsageError(f"{told.reference} is no AWS access key", "authsome login aws")
    token = told.fields.get("session_token")
    end = now + ASK_AGAIN_S if told.expires_at is None else told.expires_at
    said = {
        "Version": 1,
        "AccessKeyId": told.fields["access_key_id"].reveal(),
        "SecretAccessKey": told.fields["secret_access_key"].reveal(),
        **({"SessionToken": token.reveal()} if token else {}),
        "Expiration": iso_8601(end),
    }
    return json.dumps(said).encode() + b"\n"
