import os
import subprocess
import sys
import tomllib

import pytest

from authsome_env.errors import StorageError, UsageError
from authsome_env.vault import config

FULL = """\
# chosen in June
vault = "work"   # not the private one

  key="file"
unlock-ttl = "1h"
min-ttl = 90\t# seconds
browser = "firefox --private-window"
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config.toml"


def read(path, text):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return config.read(str(path))


def refusal(path, text):
    with pytest.raises(UsageError) as caught:
        read(path, text)
    assert caught.value.hint
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


def values(found):
    return [getattr(found, name) for name in config.Config.__slots__]


@pytest.mark.parametrize("text", [None, "", "\n", "# nothing\n\n"])
def test_without_the_file_or_its_keys_all_is_as_documented(path, text):
    found = config.read(str(path)) if text is None else read(path, text)
    assert found.vault == "default"
    assert found.key is None
    assert found.unlock_ttl == 900.0
    assert found.min_ttl == 300.0
    assert found.browser is None


def test_every_key_is_read(path):
    found = read(path, FULL)
    assert found.vault == "work"
    assert found.key == "file"
    assert found.unlock_ttl == 3600.0
    assert found.min_ttl == 90.0
    assert found.browser == "firefox --private-window"


def test_a_plain_file_is_read_without_tomllib(path):
    path.write_text(FULL)
    code = (
        "import sys; from authsome_env.vault.config import read;"
        "read(sys.argv[1]); print('tomllib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("place", ["keyring", "file", "passphrase", "variable"])
def test_every_place_for_a_key_may_be_chosen(path, place):
    assert read(path, f'key = "{place}"').key == place


def test_never_caching_is_0(path):
    assert read(path, "unlock-ttl = 0").unlock_ttl == 0.0


def test_toml_that_is_not_plain_means_the_same(path):
    odd = '"vault" = \'work\'\r\n\'unlock-ttl\' = """15m"""\nmin-ttl = 0x5A\nbrowser = "caf\\u00e9"'
    assert values(read(path, odd)) == ["café", None, 90.0, 900.0, "work"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('vault = "a"\nunlock_ttl = 5', ", line 2: unlock_ttl: unknown key (did you mean unlock-ttl?)"),
        ("\nVault = 5", ", line 2: Vault: unknown key (did you mean vault?)"),
        ("# vault\n[vault]\nname = 1", ", line 2: vault: not a text of one line"),
        ('key = "file"\n[run]\n', ", line 2: run: unknown key"),
        ('a = 1\n\n"b c" = 2', ", line 1: a: unknown key"),
        ('"v\\u001bx" = 1', ", line 1: 'v\\x1bx': unknown key"),
        ("vault.name = 'x'", ", line 1: vault: not a text of one line"),
        ("vault = 3", ", line 1: vault: not a text of one line"),
        ('vault = ""', ", line 1: vault: not a text of one line"),
        ('vault = "../x"', ", line 1: vault: '../x' cannot be a name"),
        ('key = "fiel"', ", line 1: key: 'fiel' is not known (did you mean file?)"),
        ("key = true", ", line 1: key: not a text of one line"),
        ("\n\nmin-ttl = true", ", line 3: min-ttl: not a duration"),
        ("min-ttl = 1.5", ", line 1: min-ttl: not a duration"),
        ("min-ttl = -1", ", line 1: min-ttl: '-1' is not a duration"),
        ("unlock-ttl = 9999999999", ", line 1: unlock-ttl: '9999999999' is not a duration"),
        ('unlock-ttl = "soon"', ", line 1: unlock-ttl: 'soon' is not a duration"),
        ("unlock-ttl = 12:00:00", ", line 1: unlock-ttl: not a duration"),
        ('browser = ["a"]', ", line 1: browser: not a text of one line"),
        ('browser = "a\\nb"', ", line 1: browser: not a text of one line"),
        (b'vault = "a"\nkey = "\xff"', ", line 2: not UTF-8"),
        ("vault = work", ": invalid value (at line 1, column 9)"),
        ('vault = "a"\nvault = "b"', ": cannot overwrite a value"),
        ("min-ttl = 012", ": "),
        ("min-ttl = " + "9" * 5000, ": "),
        ("x = " + "[" * 5000, ": "),
        ('vault = "a" "b"', ": "),
        ('= "a"', ": "),
        ("vault", ": "),
        ('vault = "a\x00"', ": "),
    ],
)
def test_a_mistake_is_named_with_its_line(path, text, message):
    assert refusal(path, text).startswith(message)


def test_a_folder_in_its_place_is_a_storage_error(path):
    path.mkdir()
    with pytest.raises(StorageError, match="cannot be read"):
        config.read(str(path))


def test_one_key_is_changed_and_every_other_line_and_comment_stays(path):
    path.write_text(FULL)
    config.write_value(str(path), "vault", "home")
    config.write_value(str(path), "min-ttl", 60)
    config.write_value(str(path), "key", "keyring")
    assert path.read_text() == FULL.replace('"work"', '"home"').replace("90", "60").replace(
        '"file"', '"keyring"'
    )


def test_a_key_that_is_not_there_becomes_a_new_last_line(path):
    config.write_value(str(path), "key", "file")
    assert path.read_text() == 'key = "file"\n'
    path.write_text("# end without newline")
    config.write_value(str(path), "unlock-ttl", "15m")
    assert path.read_text() == '# end without newline\nunlock-ttl = "15m"\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("browser = 'a#b' # c", 'browser = "x#\\"\\\\" # c'),
        ('browser = "a\\"#b"# c\r\nmin-ttl = 1\r\n', 'browser = "x#\\"\\\\"# c\r\nmin-ttl = 1\r\n'),
        ('"browser"="""a"""', '"browser"="x#\\"\\\\"'),
        ("# browser = 'z'\nbrowser = 'y'", '# browser = \'z\'\nbrowser = "x#\\"\\\\"'),
    ],
)
def test_odd_layouts_keep_their_comments(path, before, after):
    path.write_bytes(before.encode())
    config.write_value(str(path), "browser", 'x#"\\')
    assert path.read_bytes().decode() == after
    assert config.read(str(path)).browser == 'x#"\\'


def test_a_line_inside_a_text_is_not_taken_for_the_key(path):
    text = 'browser = """a\\\nvault = "x" \\\n"""\nvault = "v"\n'
    assert tomllib.loads(text) == {"browser": 'avault = "x" ', "vault": "v"}
    path.write_text(text)
    config.write_value(str(path), "vault", "w")
    assert path.read_text() == text.replace('"v"', '"w"')


def test_a_layout_that_is_not_understood_is_refused_and_kept(path):
    text = 'browser = """\\\n  firefox"""\n'
    path.write_text(text)
    with pytest.raises(UsageError, match="cannot be changed here") as caught:
        config.write_value(str(path), "browser", "lynx")
    assert caught.value.hint == 'change it by hand to browser = "lynx"'
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("vualt", "x"),
        ("vault", "a b"),
        ("key", "paper"),
        ("min-ttl", "soon"),
        ("min-ttl", -1),
        ("browser", "\udcff"),
    ],
)
def test_what_would_not_be_read_is_not_written(path, key, value):
    path.write_text(FULL)
    with pytest.raises(UsageError):
        config.write_value(str(path), key, value)
    assert path.read_text() == FULL


def test_a_file_that_is_wrong_already_is_not_touched(path):
    path.write_text("vault = 3\n")
    with pytest.raises(UsageError, match="line 1: vault"):
        config.write_value(str(path), "key", "file")
    assert path.read_text() == "vault = 3\n"


def test_the_file_is_the_owner_s_alone_and_nothing_is_left_beside_it(path):
    path.write_text(FULL)
    path.chmod(0o644)
    config.write_value(str(path), "key", "keyring")
    assert path.stat().st_mode & 0o7777 == 0o600
    assert os.listdir(path.parent) == ["config.toml"]


def test_a_link_stays_a_link(path, tmp_path):
    (tmp_path / "dotfiles").mkdir()
    target = tmp_path / "dotfiles" / "authsome.toml"
    target.write_text(FULL)
    path.symlink_to(target)
    config.write_value(str(path), "vault", "home")
    assert path.is_symlink()
    assert tomllib.loads(target.read_text())["vault"] == "home"


def test_a_home_that_is_not_there_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError):
        config.write_value(str(tmp_path / "no" / "config.toml"), "key", "file")


def test_writers_at_once_lose_no_key(path):
    wanted = {"vault": "v", "key": "file", "unlock-ttl": "1h", "min-ttl": "2m", "browser": "b"}
    code = "import sys; from authsome_env.vault import config; config.write_value(*sys.argv[1:])"
    for _ in range(3):
        path.unlink(missing_ok=True)
        running = [subprocess.Popen([sys.executable, "-c", code, path, *item]) for item in wanted.items()]
        assert [process.wait() for process in running] == [0] * 5
        assert tomllib.loads(path.read_text()) == wanted
