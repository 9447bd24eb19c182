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


def test_the_readme_and_the_changelog_count_right():
    registry = GENERATE["Registry"]("/nonexistent")
    names = registry.names()
    by_oauth = sum(registry.load(name).oauth is not None for name in names)
    for file in ("README.md", "CHANGELOG.md"):
        with open(os.path.join(GENERATE["ROOT"], file), encoding="utf-8") as opened:
            text = opened.read()
        assert f"{len(names)} are bundled" in text or f"{len(names)} provider definitions" in text
        assert f"{by_oauth} of them with OAuth" in text
