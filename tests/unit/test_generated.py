"""What is generated from the bundled definitions is what `python tests/generate.py` would write now."""

import os
import runpy

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
GENERATE = runpy.run_path(os.path.join(HERE, "..", "generate.py"))
FILES = GENERATE["files"]()


@pytest.mark.parametrize("path", FILES)
def test_it_is_current(path):
    with open(os.path.join(GENERATE["ROOT"], path), encoding="utf-8") as file:
        assert file.read() == FILES[path], "run: python tests/generate.py"


def test_the_page_has_every_provider_once():
    page = FILES[GENERATE["PAGE"]]
    names = GENERATE["Registry"]("/nonexistent").names()
    assert [page.count(f"| [{name}](") for name in names] == [1] * len(names)
    assert f"{len(names)}, of which" in page
