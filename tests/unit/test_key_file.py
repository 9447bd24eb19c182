import base64
import os
import resource
import subprocess
import sys

import pytest

from authsome_env.errors import KeyUnavailable, StorageError
from authsome_env.vault.keys.file import File

ID = "0f" * 16 + ".a1b2c3d4"


@pytest.fixture
def made(tmp_path):
    tmp_path.chmod(0o700)
    place = File(str(tmp_path))
    key, _ = place.create(ID)
    return place, key, tmp_path / "keys" / ID


def refusal(place):
    with pytest.raises(KeyUnavailable) as caught:
        place.load(ID, {})
    assert caught.value.hint
    return str(caught.value)


def test_the_file_is_base64_and_a_newline_for_the_owner_alone(made):
    _, key, path = made
    assert path.read_bytes() == base64.b64encode(key) + b"\n"
    assert path.stat().st_mode & 0o7777 == 0o600
    assert path.parent.stat().st_mode & 0o7777 == 0o700


def test_the_modes_do_not_depend_on_the_umask(tmp_path):
    code = "import sys; from authsome_env.vault.keys.file import File; File(sys.argv[1]).create(sys.argv[2])"
    subprocess.run([sys.executable, "-c", code, tmp_path, ID], check=True, umask=0)
    assert (tmp_path / "keys" / ID).stat().st_mode & 0o7777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o7777 == 0o700


def test_an_existing_key_is_never_overwritten(made):
    place, key, path = made
    with pytest.raises(StorageError):
        place.create(ID)
    assert place.load(ID, {}) == key
    assert list(path.parent.iterdir()) == [path]


def test_no_link_is_followed_to_make_the_file(made, tmp_path):
    place, _, path = made
    target = tmp_path / "elsewhere"
    path.with_name("link").symlink_to(target)
    with pytest.raises(StorageError):
        place.create("link")
    assert not target.exists()


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o610, 0o604, 0o602, 0o601])
def test_a_file_that_others_may_use_is_refused_and_the_hint_mends_it(made, mode):
    place, key, path = made
    path.chmod(mode)
    with pytest.raises(KeyUnavailable, match="others may use") as caught:
        place.load(ID, {})
    subprocess.run(caught.value.hint, shell=True, check=True)
    assert place.load(ID, {}) == key


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(made):
    place, _, path = made
    os.chown(path, 12345, -1)
    assert "another user" in refusal(place)


def test_links_folders_and_fifos_are_refused_without_waiting(made, tmp_path):
    place, _, path = made
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    assert "cannot be read" in refusal(place)
    path.unlink()
    os.mkfifo(path, 0o600)
    assert "no regular file" in refusal(place)
    path.unlink()
    path.mkdir(0o700)
    assert "no regular file" in refusal(place)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        base64.b64encode(b"k" * 31),
        base64.b64encode(b"k" * 33),
        base64.b64encode(b"k" * 32)[:-2],
        base64.b64encode(b"k" * 32) * 2,
        b"zzsecretzz not base64 at all, but long enough",
        b"\xff" * 44,
        b"A" * 5000,
    ],
)
def test_what_is_not_a_key_is_refused_without_a_word_of_it(made, content):
    place, _, path = made
    path.write_bytes(content)
    message = refusal(place)
    assert "does not hold the base64 of 32 bytes" in message
    assert "zzsecretzz" not in message


def test_a_full_disk_leaves_no_file_and_is_a_storage_error(tmp_path):
    place = File(str(tmp_path))
    place.create("other")

    def no_more():
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))  # the kernel takes 10 of our 45 bytes

    code = """if True:
        import sys
        from authsome_env.errors import StorageError
        from authsome_env.vault.keys.file import File
        try:
            File(sys.argv[1]).create(sys.argv[2])
        except StorageError:
            sys.exit("refused")
    """
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path, ID],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=no_more,
    )
    assert done.stderr == "refused\n"
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["other"]


def test_an_unwritable_home_is_a_storage_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        File(str(tmp_path / "file")).create(ID)
