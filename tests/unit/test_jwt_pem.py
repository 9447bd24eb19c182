"""A private key signs however it was handed over: a browser's field, or a shell, may take its line ends."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from authsome_env.errors import LoginFailed
from authsome_env.model import Secret
from authsome_env.oauth.jwt import signed_jwt


@pytest.fixture(scope="module")
def pem():
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize("line_end", ["\n", "\r\n", " ", "", "\\n"])
def test_a_pem_signs_with_any_line_ends(pem, line_end):
    assert signed_jwt({"iss": "x"}, Secret(pem.replace("\n", line_end))).count(".") == 2


@pytest.mark.parametrize("cut", [30, 80, -20])
def test_half_a_pem_is_refused_without_a_word_of_it(pem, cut):
    with pytest.raises(LoginFailed) as refused:
        signed_jwt({"iss": "x"}, Secret(pem.replace("\n", "")[:cut]))
    assert pem[40:60] not in str(refused.value)
