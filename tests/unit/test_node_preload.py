"""NODE_OPTIONS loads our file from where it stays while somebody may have it in their environment."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess

import pytest

from authsome_env.deliver import live_environment, node_preload


class Installation:
    """The shims of an installation in the folder `name` of a home, as pipx, uv and venvs make it."""

    def __init__(self, home, name="tools"):
        self.home = home
        self.folder = home / name
        self.file = self.folder / "node" / "live.cjs"
        self.copy = home / ".local" / "share" / "authsome-live" / "node-1.cjs"
        self.file.parent.mkdir(parents=True)
        self.file.write_text("console.log('loaded')")

    def environ(self, **more):
        return {os.fsencode(name): os.fsencode(value) for name, value in {"HOME": self.home, **more}.items()}

    def option(self, **more):
        return node_preload.option(self.environ(**more), str(self.folder))


@pytest.fixture
def installed(tmp_path):
    return Installation(tmp_path / "home")


def require(path):
    return f"--require {path}".encode()


def node(program, options):
    return subprocess.run(
        [program, "-e", "console.log(process.execArgv.length - 2)"],
        env={**os.environb, b"NODE_OPTIONS": options},
        capture_output=True,
        check=False,
    )


def test_a_program_that_outlives_the_installation_starts_node_as_before(installed, need):
    options = installed.option()
    shutil.rmtree(installed.folder)
    done = node(need("node"), options)
    assert (done.stdout, done.stderr, done.returncode) == (b"loaded\n0\n", b"", 0)


@pytest.mark.parametrize("name", ["plain", "with blank", 'quo"te', "back\\slash", "caf\u00e9", "'$(x)'"])
def test_node_finds_the_file_whatever_its_folder_is_called(need, tmp_path, name):
    installed = Installation(tmp_path, name)
    for environ in ({b"NODE_OPTIONS": b"--no-warnings"}, {b"XDG_DATA_HOME": os.fsencode(tmp_path / name)}):
        options = live_environment.additions(environ, str(installed.folder))["NODE_OPTIONS"]
        assert node(need("node"), options).stdout == b"loaded\n0\n"


def test_the_copy_lies_where_data_belongs(installed, tmp_path):
    assert installed.option() == require(installed.copy)
    assert installed.option(XDG_DATA_HOME="relative") == require(installed.copy)
    elsewhere = tmp_path / "data"
    assert installed.option(XDG_DATA_HOME=elsewhere) == require(elsewhere / "authsome-live" / "node-1.cjs")
    assert os.listdir(elsewhere / "authsome-live") == ["node-1.cjs"]


def test_no_other_user_can_write_to_what_every_node_loads(installed):
    before = os.umask(0)
    try:
        installed.option()
    finally:
        os.umask(before)
    for path in (installed.copy, installed.copy.parent):
        assert not path.stat().st_mode & 0o022


def test_what_another_user_could_write_to_is_not_loaded(installed):
    installed.option()
    installed.copy.chmod(0o666)
    assert installed.option() == require(installed.copy)
    assert installed.copy.stat().st_mode & 0o777 == 0o644
    if os.geteuid() == 0:
        os.chown(installed.copy, 65534, 65534)
        assert installed.option() == require(installed.copy)
        assert installed.copy.stat().st_uid == 0
    installed.copy.parent.chmod(0o777)
    assert installed.option() == require(installed.file)
    installed.copy.unlink()
    assert installed.option() == require(installed.file)


def test_a_newer_shim_takes_its_place_in_one_step(installed):
    installed.option()
    reader = installed.copy.open()
    kept = installed.copy.stat()
    installed.option()
    assert installed.copy.stat().st_ino == kept.st_ino  # not written for nothing
    installed.file.write_text("console.log('newer')")
    installed.option()
    assert installed.copy.read_text() == "console.log('newer')"
    assert reader.read() == "console.log('loaded')"
    reader.close()
    assert os.listdir(installed.copy.parent) == ["node-1.cjs"]


def test_where_no_copy_can_be_made_it_is_the_file_itself(installed, tmp_path):
    (tmp_path / "file").write_text("")
    assert installed.option(XDG_DATA_HOME=tmp_path / "file") == require(installed.file)
    (tmp_path / "data" / "authsome-live" / "node-1.cjs").mkdir(parents=True)
    assert installed.option(XDG_DATA_HOME=tmp_path / "data") == require(installed.file)
    installed.copy.parent.mkdir(parents=True)
    (installed.copy.parent / f"node-1.cjs.{os.getpid()}").symlink_to(tmp_path / "file")  # laid for us
    assert installed.option() == require(installed.file)
    assert (tmp_path / "file").read_text() == ""


def test_a_full_disk_leaves_nothing_half_written(installed):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        option = installed.option()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert option == require(installed.file)
    assert os.listdir(installed.copy.parent) == []


def test_what_root_installed_elsewhere_is_for_all_users_and_stays(tmp_path):
    installed = Installation(tmp_path / "opt")
    installed.home = tmp_path / "home"
    installed.copy = installed.home / ".local" / "share" / "authsome-live" / "node-1.cjs"
    if os.geteuid() == 0:
        assert installed.option() == require(installed.file)
        os.chown(installed.file, 65534, 65534)
    assert installed.option() == require(
        tmp_path / "home" / ".local" / "share" / "authsome-live" / "node-1.cjs"
    )
    assert node_preload.option({}, str(installed.folder)) == require(installed.file)


def test_node_is_left_alone_where_it_would_end(installed):
    everything = "--permission --allow-fs-read=*"
    assert installed.option(NODE_OPTIONS=everything) == require(installed.copy)
    for limited in ("--permission", "--no-warnings --experimental-permission --allow-fs-read=/x"):
        assert installed.option(NODE_OPTIONS=limited) is None
    installed.file.unlink()
    assert installed.option() is None
    assert "NODE_OPTIONS" not in live_environment.additions(installed.environ(), str(installed.folder))


def test_a_later_run_takes_out_either(installed):
    environ, folder = installed.environ(), str(installed.folder)
    for path in (installed.file, installed.copy):
        for value, was in ((require(path), None), (b"--mine " + require(path), b"--mine")):
            assert live_environment.without(b"NODE_OPTIONS", value, environ, folder) == was
