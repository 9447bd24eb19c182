"""Bundled and registered definitions together."""

import json
import os
import stat
import threading

import pytest

from authsome_env.errors import (
    InvalidDefinition,
    NotAllowed,
    ProviderExists,
    ProviderNotFound,
    StorageError,
    UsageError,
)
from authsome_env.providers.registry import Registry


def made(name="acme", variable="ACME_KEY"):
    return json.dumps({"name": name, "auth_type": "api_key", "env": {variable: "{api_key}"}}).encode()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "home" / "providers"


@pytest.fixture
def registry(folder):
    return Registry(str(folder))


def test_without_a_folder_the_bundled_ones_are_all(registry, folder):
    assert "openai" in registry.names()
    assert registry.load("openai").env == {"OPENAI_API_KEY": "{api_key}"}
    assert not folder.exists()


def test_an_added_definition_is_kept_byte_for_byte_and_private(registry, folder):
    raw = b"\n" + made() + b"\n"
    assert registry.add(raw).name == "acme"
    assert (folder / "acme.json").read_bytes() == raw
    assert stat.S_IMODE((folder / "acme.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "acme" in registry.names()
    assert registry.load("acme").env == {"ACME_KEY": "{api_key}"}
    assert registry.is_registered("acme")
    assert not registry.is_bundled("acme")
    assert sorted(os.listdir(folder)) == ["acme.json", "lock"]


def test_a_broken_definition_is_not_added(registry, folder):
    with pytest.raises(InvalidDefinition, match=r"^acme\.json, line 1: env\.PATH"):
        registry.add(made(variable="PATH"), "acme.json")
    assert not folder.exists()


def test_a_name_that_exists_is_only_replaced_on_demand(registry):
    registry.add(made())
    with pytest.raises(ProviderExists, match="registered provider acme") as caught:
        registry.add(made(variable="OTHER"))
    assert "--replace" in caught.value.hint
    assert registry.load("acme").env == {"ACME_KEY": "{api_key}"}
    registry.add(made(variable="OTHER"), replace=True)
    assert registry.load("acme").env == {"OTHER": "{api_key}"}


def test_a_bundled_one_can_be_replaced_and_comes_back(registry):
    with pytest.raises(ProviderExists, match="bundled provider openai"):
        registry.add(made("openai"))
    registry.add(made("openai"), replace=True)
    assert registry.load("openai").env == {"ACME_KEY": "{api_key}"}
    registry.remove("openai")
    assert registry.load("openai").env == {"OPENAI_API_KEY": "{api_key}"}


def test_a_bundled_one_cannot_be_removed(registry):
    with pytest.raises(NotAllowed, match="openai is bundled"):
        registry.remove("openai")
    assert registry.load("openai").name == "openai"


def test_removing_what_is_not_there_names_the_nearest(registry):
    registry.add(made())
    with pytest.raises(ProviderNotFound, match=r"did you mean acme\?"):
        registry.remove("acmee")
    registry.remove("acme")
    with pytest.raises(ProviderNotFound):
        registry.load("acme")


def test_a_broken_file_spoils_only_its_own_provider(registry, folder):
    registry.add(made())
    (folder / "broken.json").write_bytes(b"{")
    (folder / "moved.json").write_bytes(made("other"))
    (folder / "gone.json").symlink_to(folder / "nowhere")
    (folder / "folder.json").mkdir()
    (folder / "Not A Name.json").write_bytes(made())
    (folder / "acme.json.1.new").write_bytes(b"")
    assert {"acme", "broken", "moved", "gone", "folder", "openai"} <= set(registry.names())
    assert "Not A Name" not in registry.names()
    assert registry.load("acme").name == "acme"
    for name in ("broken", "moved", "folder", "gone"):
        with pytest.raises(InvalidDefinition, match=name):
            registry.load(name)


def test_a_broken_replacement_does_not_let_the_bundled_one_through(registry, folder):
    registry.add(made("openai"), replace=True)
    (folder / "openai.json").write_bytes(b"{")
    with pytest.raises(InvalidDefinition):
        registry.load("openai")
    (folder / "openai.json").unlink()
    (folder / "openai.json").symlink_to(folder / "nowhere")
    with pytest.raises(InvalidDefinition, match="points to a file that is gone"):
        registry.load("openai")


@pytest.mark.parametrize("name", ["../acme", "/acme", "a/b", "", ".", "..", "Acme", "a.json", "a\0b"])
def test_a_name_that_could_be_a_path_never_touches_the_disk(registry, folder, name):
    folder.mkdir(parents=True)
    (folder.parent / "acme.json").write_bytes(made())
    for ask in (
        registry.load,
        registry.remove,
        registry.is_bundled,
        registry.is_registered,
    ):
        with pytest.raises(UsageError):
            ask(name)
    assert (folder.parent / "acme.json").exists()
    with pytest.raises(InvalidDefinition):
        registry.add(made(name))


def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    registry = Registry(str(tmp_path / "file" / "providers"))
    with pytest.raises(StorageError):
        registry.add(made())


def test_of_many_that_add_the_same_name_one_wins(registry, folder):
    outcomes = []

    def add(number):
        try:
            Registry(str(folder)).add(made(variable=f"ACME_{number}"))
            outcomes.append(number)
        except ProviderExists:
            pass

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 1
    assert registry.load("acme").env == {f"ACME_{outcomes[0]}": "{api_key}"}
