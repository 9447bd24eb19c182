"""What the help and the demonstration say is so."""

from __future__ import annotations

import pytest

from authsome_env.cli.program import COMMANDS

NOUNS = {row.words.partition(" ")[0] for row in COMMANDS if " " in row.words}


@pytest.mark.parametrize("words", [row.words for row in COMMANDS if row.words not in NOUNS])
def test_the_help_of_each_command_has_an_example_and_each_word_once(authsome, words):
    page = authsome(*words.split(), "--help", check=True).stdout.decode()
    assert f"  Example: authsome {words}" in page or f"$(authsome {words}" in page
    assert "[[" not in page
    assert "......" not in page


def test_the_demonstration_keeps_no_key_anywhere(authsome):
    assert b"its master key: variable\n" in authsome("demo", check=True).stdout
