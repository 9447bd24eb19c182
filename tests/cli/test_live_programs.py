"""Programs that are started once and outlive many tokens: what they and their children ask with is alive."""

from __future__ import annotations

import os
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs a RAM file system")

SECONDS = 22
LIFETIME = 12
"""Long enough for a child to start and ask on a machine that is busy."""

# Each asks once a second, and lets children in three languages ask too; a line for each answer.
PYTHON = """
import os, subprocess, sys, time, urllib.error, urllib.request
url, seconds, *children = sys.argv[1:]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def ask():
    headers = {"Authorization": "Bearer " + os.environ["ACME_TOKEN"]}
    try:
        return opener.open(urllib.request.Request(url, headers=headers)).status
    except urllib.error.HTTPError as error:
        return error.code
end = time.time() + float(seconds)
while True:
    print("itself", ask(), flush=True)
    if time.time() >= end:
        break
    time.sleep(1)
    for child in children:
        print(child, subprocess.check_output(child, shell=True, text=True).split()[-1], flush=True)
"""
NODE = """
const { execSync } = require('child_process');
const [url, seconds, ...children] = process.argv.slice(2);
const ask = async () =>
  (await fetch(url, { headers: { Authorization: 'Bearer ' + process.env.ACME_TOKEN } })).status;
const end = Date.now() + seconds * 1000;
(async () => {
  for (;;) {
    console.log('itself', await ask());
    if (Date.now() >= end) break;
    await new Promise((done) => setTimeout(done, 1000));
    for (const child of children) console.log(child, String(execSync(child)).trim().split(/\\s/).pop());
  }
})();
"""
BASH = """
url=$1 end=$((SECONDS + $2)); shift 2
ask() { python3 -I "$ASK" "$url" <<< "$ACME_TOKEN"; }
while :; do
  echo itself "$(ask)"
  (( SECONDS < end )) || break
  sleep 1
  for child; do echo "$child" "$($child | tail -n 1 | sed 's/.* //')"; done
done
"""
ASK = """
import sys, urllib.error, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Authorization": "Bearer " + sys.stdin.read().strip()})
try:
    print(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


@pytest.fixture
def agents(tmp_path):
    """The command of each language, which takes a URL, seconds, and what children it lets ask."""
    for name, text in (("agent.py", PYTHON), ("agent.cjs", NODE), ("agent.sh", BASH), ("ask.py", ASK)):
        (tmp_path / name).write_text(text)
    return {
        "python": (sys.executable, str(tmp_path / "agent.py")),
        "node": ("node", str(tmp_path / "agent.cjs")),
        "bash": ("bash", str(tmp_path / "agent.sh")),
    }


@pytest.mark.parametrize("language", ["python", "node", "bash"])
def test_a_program_and_its_children_never_ask_with_a_dead_token(
    authsome, connect, live, agents, need, tmp_path, language
):
    need("node")
    server = connect(LIFETIME)
    connect.login(check=True)
    url = f"{server.url}/me"
    authsome.environ["ASK"] = str(tmp_path / "ask.py")
    once = [" ".join((*agents[each], url, "0")) for each in agents]
    before = server.counts()["refreshes"]
    with open(tmp_path / "answers", "w+") as answers:
        run = live(
            "--live",
            command=(*agents[language], url, str(SECONDS), *once),
            stdout=answers,
            stderr=answers,
        )
        assert run.process.wait(120) == 0, (answers.seek(0), answers.read())
        answers.seek(0)
        lines = answers.read().splitlines()
    assert len([line for line in lines if line.startswith("itself")]) > SECONDS // LIFETIME
    assert [line for line in lines if not line.endswith(" 200")] == []
    assert server.counts()["refreshes"] - before >= SECONDS // LIFETIME
    assert not os.path.exists(run.folder)
