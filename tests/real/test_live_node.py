"""process.env in a live run: fresh where it holds what the run delivered, and otherwise as it always was.

Run with `node`, and with those whose paths AUTHSOME_TEST_NODES lists (separated by colons).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time

import pytest
from real.live_folder import SHIMS, not_whole

SHIM = os.path.realpath(os.path.join(SHIMS, "node", "live.cjs"))
TIMEOUT_S = 120
NODES = ["node", *filter(None, os.environ.get("AUTHSOME_TEST_NODES", "").split(":"))]

# Evaluates each line that it reads, in one process, and prints the result as JSON.
DRIVER = """
const { env: kept } = process;
const lines = require('readline').createInterface({ input: process.stdin });
lines.on('line', async (line) => {
  let said;
  try { said = await eval(line); } catch (error) { said = `${error.name}: ${error.message}`; }
  console.log(JSON.stringify(said === undefined ? null : said));
});
"""


class Node:
    def __init__(self, path, environ, *arguments):
        self.path = path
        self.environ = environ
        self.process = subprocess.Popen(
            [path, *(arguments or ("-e", DRIVER))],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, line):
        self.process.stdin.write(" ".join(line.split("\n")) + "\n")
        self.process.stdin.flush()
        return self.read()

    def read(self):
        return json.loads(self.process.stdout.readline())

    def end(self):
        """Close its input; its exit status, and what it has printed besides."""
        try:
            out, errors = self.process.communicate(timeout=TIMEOUT_S)
        finally:
            self.process.kill()
        return self.process.returncode, out, errors


@pytest.fixture(params=NODES, ids=lambda path: path if path == "node" else f"node-{NODES.index(path)}")
def node(request, need):
    return need(request.param) if request.param == "node" else request.param


@pytest.fixture
def start(node, live_folder):
    started = []

    def start(*arguments, **environ):
        whole = {**live_folder.environ, "NODE_OPTIONS": f'--require="{SHIM}"', **environ}
        whole = {name: value for name, value in whole.items() if value is not None}
        started.append(Node(node, whole, *arguments))
        return started[-1]

    yield start
    ends = [each.end() for each in started]
    assert ends == [(0, "", "")] * len(started)  # silent, and nothing kept them alive


def run(node, code, environ, *options):
    done = subprocess.run(
        [node, *options, "-e", code],
        env=environ,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def past_the_pause(ask):
    """Two looks of a program are half a millisecond apart; the pipe takes as long, but may not."""
    time.sleep(0.002)
    return ask


def until(holds):
    for _ in range(1000):
        if holds():
            return
        time.sleep(0.02)
    pytest.fail("it never came to hold")


CHILDREN = {
    "without env": "cp.execFileSync('/bin/sh', ['-c', 'echo $TOKEN']).toString().trim()",
    "exec": "cp.execSync('echo $TOKEN').toString().trim()",
    "a copy": "cp.execFileSync('/bin/sh', ['-c', 'echo $TOKEN'], {env: {...process.env}}).toString().trim()",
    "itself": "cp.spawnSync('/bin/sh', ['-c', 'echo $TOKEN'], {env: process.env}).stdout.toString().trim()",
}
WORKER = """
new Promise((good, bad) => {
  const worker = new (require('worker_threads').Worker)(
    'require("worker_threads").parentPort.postMessage(process.env.TOKEN)', { eval: true, OPTIONS });
  worker.on('message', good); worker.on('error', bad);
})
"""


def test_a_new_value_is_seen_at_the_next_look_and_by_children_and_workers(start, live_folder):
    ask = start()
    assert ask("process.env.TOKEN") == live_folder.token
    for _ in range(3):
        newest = live_folder.refresh()
        assert past_the_pause(ask)("process.env.TOKEN") == newest
        assert ask("kept.TOKEN") == newest  # the look has put it into Node's own object
    ask("cp = require('child_process'), 0")
    for child in CHILDREN.values():
        newest = live_folder.refresh()
        assert past_the_pause(ask)(child) == newest
    for options in (
        "",
        "env: {...process.env}",
        "env: process.env",
        "env: require('worker_threads').SHARE_ENV",
    ):
        newest = live_folder.refresh()
        assert past_the_pause(ask)(WORKER.replace("OPTIONS", options)) == newest


def test_who_keeps_the_object_sees_it_too_and_so_does_a_worker_that_lives_on(start, live_folder):
    ask = start()
    ask(
        "W = require('worker_threads').Worker, w = new W(`const { env } = process;"
        " require('worker_threads').parentPort.on('message', () =>"
        " require('worker_threads').parentPort.postMessage(env.TOKEN))`, {eval: true}), 0"
    )
    newest = live_folder.refresh()
    until(lambda: ask("kept.TOKEN") == newest)
    in_worker = "new Promise((good) => { w.once('message', good); w.postMessage(0); })"
    until(lambda: ask(in_worker) == newest)
    ask("w.terminate()")


# Names process.env once, and then uses nothing that would.
KEEPER = """
const { env } = process, first = env.TOKEN;
require('fs').writeSync(1, '"ready"\\n');
const timer = setInterval(() => {
  if (env.TOKEN !== first) require('fs').writeSync(1, `"${env.TOKEN}"\\n`), clearInterval(timer);
}, 20);
"""


def test_who_keeps_the_object_and_never_asks_again_sees_it_by_itself(start, live_folder):
    kept = start("-e", KEEPER)
    assert kept.read() == "ready"
    newest = live_folder.refresh()
    watchdog = threading.Timer(TIMEOUT_S, kept.process.kill)
    watchdog.start()
    assert kept.read() == newest
    watchdog.cancel()


def test_an_old_value_is_replaced_at_the_first_look(start, live_folder):
    old = live_folder.token
    live_folder.refresh()
    newest = live_folder.refresh()
    ask = start(TOKEN=old)
    assert ask("kept.TOKEN") in {old, newest}
    assert ask("[process.env.TOKEN, {...process.env}.TOKEN]") == [newest, newest]


def test_what_the_user_has_put_there_wins(start, live_folder):
    mine, absent = start(TOKEN="mine"), start()
    absent("delete process.env.TOKEN")
    live_folder.refresh()
    assert past_the_pause(mine)("process.env.TOKEN") == "mine"
    assert absent(
        "[process.env.TOKEN, 'TOKEN' in process.env, Object.keys(process.env).includes('TOKEN')]"
    ) == [
        None,
        False,
        False,
    ]
    assert start(TOKEN=None)("process.env.TOKEN") is None
    ask = start()
    ask("cp = require('child_process'), process.env.TOKEN = 'own'")
    live_folder.refresh()
    assert past_the_pause(ask)("process.env.TOKEN") == "own"
    ask(f"process.env.TOKEN = '{live_folder.token}', 0")
    newest = live_folder.refresh()
    assert past_the_pause(ask)("process.env.TOKEN") == newest
    assert ask("cp.execFileSync('/bin/sh', ['-c', 'echo $TOKEN'], {env: {TOKEN: 'x'}}).toString()") == "x\n"
    assert ask(WORKER.replace("OPTIONS", "env: {TOKEN: 'x'}")) == "x"


def test_a_program_may_replace_process_env_and_put_it_back(start, live_folder):
    ask = start()
    first = live_folder.token
    assert ask("cp = require('child_process'), process.env = {...process.env, A: 1}, process.env.A") == 1
    newest = live_folder.refresh()
    assert past_the_pause(ask)("[process.env.TOKEN, process.env.A]") == [first, 1]
    assert ask(CHILDREN["without env"]) == first
    assert ask("process.env = kept, process.env.TOKEN") == newest
    defined = "Object.defineProperty(process, 'env', {value: {TOKEN: 'd'}}), process.env.TOKEN"
    assert ask(defined) == "d"


MESSAGE = """
new Promise((good) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = (message) => { port1.close(); good(message.data.B); };
  port2.postMessage(process.env);
})
"""
# Each is asked of Node with and without the shim; the answers must be the same.
AS_EVER = (
    "[process.env.A = 1, process.env.A, process.env.B = null, process.env.B]",
    "[process.env.C = true, process.env.C, process.env.D = undefined, process.env.D]",
    "process.env.S = Symbol('x')",
    "process.env[Symbol('x')] = 1",
    "[delete process.env.A, 'A' in process.env, process.env.A, delete process.env.never]",
    "[process.env.a = 1, process.env.A, 'toString' in process.env, process.env.hasOwnProperty('toString')]",
    "Object.keys(process.env).filter((name) => /^[BCZ]$/.test(name))",
    "Reflect.ownKeys(process.env).length === Object.keys(process.env).length",
    "JSON.parse(JSON.stringify(process.env)).B",
    "structuredClone(process.env).B",
    MESSAGE,
    "require('util').inspect(process.env).startsWith('{')",
    "require('util').types.isProxy(process.env)",
    "Object.getOwnPropertyDescriptor(process.env, 'B')",
    "Object.defineProperty(process.env, 'D', {value: 'x'})",
    "Object.defineProperty(process.env, 'D', {get() {}})",
    "Object.freeze(process.env)",
    "Object.isExtensible(process.env)",
    "String(process.env) + typeof process.env",
    "(() => { const o = Object.create(process.env); o.I = 'z'; return [o.I, process.env.I, o.B]; })()",
    "require('vm').runInNewContext('process.env.B', { process })",
    "process.env === require('process').env && process.env === kept",
    "import('node:process').then((p) => [p.env === process.env, p.default.env === process.env])",
    "Object.keys(process).indexOf('env') >= 0 && delete {...process}.env",
    "process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')",
    "process.eventNames()",
    "Object.keys(require.cache)",
    "process._getActiveHandles().length",
    "process.execArgv.length",
)


def test_process_env_is_as_it_ever_was(start, live_folder):
    live, bare = start(), start(NODE_OPTIONS="")
    for question in AS_EVER:
        assert live(question) == bare(question), question


def test_values_are_exact_and_what_is_no_utf_8_stays(start, live_folder):
    odd = {
        "TOKEN": b"t",
        "LINES": b"a\nb\\n\\\\\nc\n",
        "EMPTY": b"",
        "LONG": b"x" * 40_000,
        "EQUAL": b"a=b==",
        "SIGNS": "ä€😀 %s\t\r\"'$`".encode(),
        "BYTES": b"\xff\xfe",
    }
    before = {name: f"before-{name}" for name in odd}
    live_folder.refresh(**{name: value.encode() for name, value in before.items()})
    ask = start(**before)
    assert ask("process.env.LINES") == "before-LINES"
    live_folder.refresh(**odd)
    time.sleep(0.002)
    for name, value in odd.items():
        assert ask(f"process.env.{name}") == (before[name] if name == "BYTES" else value.decode())


def test_a_file_that_is_not_whole_changes_nothing_and_one_that_is_does(start, live_folder):
    ask = start()
    first = ask("process.env.TOKEN")
    newest = live_folder.refresh()
    with open(live_folder.file, "rb") as file:
        whole = file.read()
    live_folder.overwrite(b"")
    late = start(TOKEN=first)
    assert late("process.env.TOKEN") == first
    for kind, text in not_whole(whole).items():
        live_folder.overwrite(text)
        assert past_the_pause(ask)("process.env.TOKEN") in {first, newest}, kind
        assert late("process.env.TOKEN") == first, kind
    os.unlink(live_folder.file)
    os.mkfifo(live_folder.file)
    assert past_the_pause(late)("process.env.TOKEN") == first
    os.unlink(live_folder.file)
    os.symlink("/dev/zero", live_folder.file)
    assert past_the_pause(late)("process.env.TOKEN") == first
    os.unlink(live_folder.file)
    shutil.rmtree(live_folder.path)
    assert past_the_pause(late)("process.env.TOKEN") == first
    os.mkdir(live_folder.path, 0o700)
    live_folder.overwrite(whole)
    assert past_the_pause(late)("process.env.TOKEN") == newest


def test_a_file_of_another_user_changes_nothing(start, live_folder):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to somebody else")
    old = live_folder.token
    live_folder.refresh()
    os.chown(live_folder.file, 65534, 65534)
    assert start(TOKEN=old)("process.env.TOKEN") == old


@pytest.mark.parametrize("run_folder", ["", "relative", "/nowhere/at/all", None])
def test_without_a_run_nothing_happens(node, live_folder, run_folder):
    environ = {**live_folder.environ, "TOKEN": "t", "NODE_OPTIONS": f'--require="{SHIM}"'}
    del environ["AUTHSOME_RUN"]
    if run_folder is not None:
        environ["AUTHSOME_RUN"] = run_folder
    said = run(node, "console.log('value' in Object.getOwnPropertyDescriptor(process, 'env'))", environ)
    assert said == "true\n"


def test_a_program_that_fakes_time_and_files_still_sees_it(start, live_folder):
    ask = start()
    ask("fs = require('fs'), fs.statSync = fs.openSync = fs.readSync = () => { throw 1 }, 0")
    ask("performance.now = Date.now = () => 0, setInterval = setTimeout = () => {}, 0")
    ask("Array.prototype[Symbol.iterator], Object.prototype.get = () => 1, Object.prototype.value = 2, 0")
    newest = live_folder.refresh()
    assert past_the_pause(ask)("process.env.TOKEN") == newest


def test_ways_to_start_a_program(node, live_folder, tmp_path):
    old = live_folder.token
    newest = live_folder.refresh()
    environ = {**live_folder.environ, "TOKEN": old, "NODE_OPTIONS": f'--no-warnings --require="{SHIM}"'}
    print_it = "console.log(process.env.TOKEN)"
    assert run(node, print_it, environ, "--frozen-intrinsics") == f"{newest}\n"
    assert run(node, print_it, environ, "--input-type=module") == f"{newest}\n"
    (tmp_path / "a.mjs").write_text("import { env } from 'process'; process.env; console.log(env.TOKEN)")
    (tmp_path / "cluster.js").write_text(
        "const c = require('cluster'); if (c.isPrimary) c.fork();"
        " else { console.log(process.env.TOKEN); c.worker.kill(); }"
    )
    (tmp_path / "fork.js").write_text(
        "if (process.send) process.send(process.env.TOKEN); else require('child_process')"
        ".fork(__filename).on('message', (m) => console.log(m))"
    )
    (tmp_path / "one.test.js").write_text(
        "require('node:test')('x', () => require('assert').strictEqual(process.env.TOKEN, process.argv.at(-1)"
        f" && '{newest}'))"
    )
    for name in ("a.mjs", "cluster.js", "fork.js"):
        done = subprocess.run(
            [node, name],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert (done.stdout, done.stderr) == (f"{newest}\n", ""), name
    done = subprocess.run(
        [node, "--test", "one.test.js"],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    done = subprocess.run(
        [node, "-i"],
        env=environ,
        input=print_it,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert newest in done.stdout


def test_where_node_may_read_nothing_more_than_the_shim_the_value_stays(node, live_folder):
    environ = {**live_folder.environ, "TOKEN": live_folder.token}
    newest = live_folder.refresh()
    flags = "['--permission', '--experimental-permission']"
    known = f"{flags}.find((flag) => process.allowedNodeEnvironmentFlags.has(flag))"
    flag = run(node, f"console.log({known} || '')", environ).strip()
    if not flag:
        return  # before 20 none can be limited
    environ["NODE_OPTIONS"] = f"--no-warnings --require {SHIM}"
    for allowed, value in ((SHIM, environ["TOKEN"]), ("*", newest)):
        said = run(node, "console.log(process.env.TOKEN)", environ, flag, f"--allow-fs-read={allowed}")
        assert said == f"{value}\n"


def test_npm_scripts_see_it(need, live_folder, tmp_path):
    old = live_folder.token
    newest = live_folder.refresh()
    environ = {**live_folder.environ, "TOKEN": old, "NODE_OPTIONS": f'--require="{SHIM}"'}
    (tmp_path / "package.json").write_text(json.dumps({"scripts": {"say": "echo $TOKEN"}}))
    done = subprocess.run(
        [need("npm"), "run", "--silent", "say"],
        env={**environ, "npm_config_update_notifier": "false"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{newest}\n", "")
