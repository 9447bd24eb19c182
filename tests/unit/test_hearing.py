"""What a keeper hears through the fifo of its run's folder, and what it is not disturbed by."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from authsome_env.app.hearing import Hearing


@pytest.fixture
def hearing(tmp_path):
    hearing = Hearing(str(tmp_path))
    hearing.open()
    yield hearing
    hearing.close()


@pytest.fixture
def say(tmp_path):
    def say(content):
        descriptor = os.open(tmp_path / "ask", os.O_WRONLY | os.O_NONBLOCK)
        try:
            return os.write(descriptor, content)
        finally:
            os.close(descriptor)

    return say


def test_each_line_is_heard_once_and_the_fifo_is_for_its_owner_alone(hearing, say, tmp_path):
    assert list(hearing.hear()) == []
    say(b"abc 3\n")
    say(b"def 14\nabc 4\n")
    assert list(hearing.hear()) == [("abc", 3), ("def", 14), ("abc", 4)]
    assert list(hearing.hear()) == []
    status = os.lstat(tmp_path / "ask")
    assert (stat.S_ISFIFO(status.st_mode), stat.S_IMODE(status.st_mode)) == (True, 0o600)


def test_a_line_may_come_in_pieces(hearing, say):
    say(b"ab")
    assert list(hearing.hear()) == []
    say(b"c 3")
    assert list(hearing.hear()) == []
    say(b"\nd")
    assert list(hearing.hear()) == [("abc", 3)]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"abc\n",
        b"abc x\n",
        b"abc -1\n",
        b"abc 1 2\n",
        b"\xff\xfe\0\n",
        "abc \u00b2\n".encode(),
        b"x" * 600 + b" 1\n",
    ],
)
def test_garbage_is_nothing(hearing, say, garbage):
    say(garbage + b"abc 3\n")
    assert list(hearing.hear()) == [("abc", 3)]


def test_a_line_without_an_end_is_forgotten_up_to_its_end(hearing, say):
    for _ in range(40):
        say(b"x" * 4000)
        assert list(hearing.hear()) == []
    say(b"yz 1\nabc 3\n")
    assert list(hearing.hear()) == [("abc", 3)]
    assert len(hearing._heard) == 0


def test_a_flood_is_read_in_parts(hearing, say):
    line = b"abc 3\n"
    written = 0
    try:
        while True:
            written += say(line)
    except BlockingIOError:
        pass
    heard = [found for _ in range(written // 65536 + 2) for found in hearing.hear()]
    assert heard == [("abc", 3)] * (written // len(line))


def test_it_never_ends_though_its_writers_do(hearing, say):
    """With O_RDONLY a fifo that no one writes to any more is readable for ever: a busy loop."""
    import select

    say(b"abc 3\n")
    list(hearing.hear())
    assert select.select(hearing.waits(), (), (), 0)[0] == []


def test_what_was_removed_or_replaced_is_made_again(hearing, say, tmp_path):
    assert not hearing.lost()
    os.unlink(tmp_path / "ask")
    assert hearing.lost()
    (tmp_path / "ask").write_bytes(b"not a fifo")
    assert hearing.lost()
    hearing.open()
    assert not hearing.lost()
    say(b"abc 3\n")
    assert list(hearing.hear()) == [("abc", 3)]
    os.rename(tmp_path / "ask", tmp_path / "other")
    os.mkfifo(tmp_path / "ask")
    assert hearing.lost()


def test_when_it_is_closed_nobody_is_there(hearing, say):
    hearing.close()
    assert hearing.waits() == []
    assert list(hearing.hear()) == []
    with pytest.raises(OSError, check=lambda error: error.errno == errno.ENXIO):
        say(b"abc 3\n")
