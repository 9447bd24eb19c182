"""The README's walk, line by line as it stands there: a certified authorization server, and Chromium."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys

import pytest
from real.acme import TIMEOUT_S, agree, sign_in

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
BUNDLED = os.path.join(ROOT, "authsome_env", "providers", "bundled")
SELF_HOSTED = "https://gitlab.example.com"  # the only words that are replaced, by the server's own address


def the_walk():
    """(line, comment) of each command between the two headings."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        text = file.read().partition("\n## A walk\n")[2].partition("\n## ")[0]
    lines = [line[4:] for line in text.splitlines() if line.startswith("    ")]
    return [re.fullmatch(r"(.+?)(?: +# (.*))?", line).groups("") for line in lines]


@pytest.fixture
def walk(acme, need, tmp_path, made_up_key, secret):
    """`walk(line, comment)`: what it printed, and what was said; the person does what is asked for."""
    acme.server.set(access_ttl=7200)
    for provider in ("github", "gitlab"):
        with open(os.path.join(BUNDLED, f"{provider}.json"), encoding="utf-8") as file:
            definition = json.load(file)
        definition["oauth"] |= {
            "base_url": acme.server.url,
            "authorization_url": "{base_url}/auth",
            "token_url": "{base_url}/token",
            "device_authorization_url": "{base_url}/device/auth",
            "revocation_url": "{base_url}/token/revocation",
            "revocation": "rfc7009",
        }
        if provider == "gitlab":
            definition["oauth"]["base_url"] = "https://gitlab.com"
            definition["oauth"]["scopes"] = ["read_api"]
        definition["account"] = {"url": "{base_url}/test/user", "id": "/id", "label": "/login"}
        path = tmp_path / f"{provider}.json"
        path.write_text(json.dumps(definition))
        acme.program("provider", "add", str(path), "--replace", check=True)

    keys = {name: made_up_key() for name in ("personal", "work")}
    aws = {
        "ID": "AKIA" + os.urandom(8).hex().upper(),
        "SECRET": secret(os.urandom(20).hex().encode()).decode(),
    }
    (tmp_path / "key.txt").write_bytes(keys["work"] + b"\n")
    (tmp_path / "package.json").write_text('{"scripts": {"dev": "true"}}')
    for name in ("deploy", "compare-accounts", "agent", "up", "server", "daemon"):
        (tmp_path / name).write_text("#!/bin/sh\necho $OPENAI_API_KEY $SECOND_KEY $AWS_ACCESS_KEY_ID\n")
        (tmp_path / name).chmod(0o755)
    typed = {
        "GitHub client id": "post",
        "GitHub client secret": acme.server.hard_secret,
        "GitLab client id": "post",
        "GitLab client secret": acme.server.hard_secret,
        "OpenAI API key": keys["personal"].decode(),
    }

    def act(page, account):
        """What a person does at a page, until there is nothing left to do."""
        while page.get_by_role("button").count():
            with page.expect_navigation():
                if labels := [label for label in typed if page.get_by_label(label).count()]:
                    for label in labels:
                        page.get_by_label(label).fill(typed[label])
                    page.get_by_role("button", name="Save").click()
                elif page.get_by_label("Account").count():
                    sign_in(page, account)
                elif page.get_by_role("button", name="Allow").count():
                    agree(page)
                else:  # the server's pages for a device's code
                    page.get_by_role("button", name="Continue").click()

    def run(line, comment):
        shell = next((each for each in ("fish", "dash") if each in comment), "bash")
        words = line.split()
        account = words[words.index("-c") + 1] if "-c" in words else "default"
        acme.browser.forget()
        process = subprocess.Popen(
            [need(shell), "-c", line.replace(SELF_HOSTED, acme.server.url)],
            env=acme.program.environment(
                {
                    **acme.browser.environ,
                    **aws,
                    "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
                }
            ),
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        said = b""
        try:
            if "--no-browser" in words:
                while b"\n  http" not in said:
                    said += process.stderr.readline()
                page = acme.browser.open(said.split()[-1].decode())
                act(page, account)
                process.stdin.write(page.url.encode() + b"\n")
            elif words[:2] == ["authsome", "login"] and not {"--stdin", "--from-env"} & set(words):
                while process.poll() is None:
                    if acme.browser.has_arrived():
                        act(acme.browser.arrived(), account)
            out, more = process.communicate(timeout=TIMEOUT_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        acme.program.heard(re.findall(r"[\w-]+", line), out, said + more)
        assert process.returncode == 0, (line, (said + more).decode())
        return out.decode() + (said + more).decode()

    run.keys = {name: key.decode() for name, key in keys.items()}
    run.aws = aws
    return run


def test_every_line_of_the_walk_does_what_it_says(acme, walk):
    done = {}
    lines = the_walk()
    for line, comment in lines:
        if line == "authsome revoke github -c work":
            tokens = {name: acme.token(f"github:{name}") for name in ("default", "work", "box", "far")}
        loads = "authsome env" in line and "--unset" not in line
        done[line] = walk(f"{line}\nprintenv GITHUB_TOKEN OPENAI_API_KEY" if loads else line, comment)
    assert len(lines) == len(done) > 25

    personal, work = walk.keys["personal"], walk.keys["work"]
    expected = {
        "authsome login github": "saved github:default, the account of default",
        "authsome login github -c work --scopes repo,read:org": "saved github:work, the account of work",
        "authsome login github -c box --flow device_code": "saved github:box, the account of box",
        f"authsome login gitlab --base-url {SELF_HOSTED}": "saved gitlab:default, the account of default",
        "authsome login github -c far --no-browser": "saved github:far, the account of far",
        "authsome refresh github -c work": "refreshed github:work",
        "authsome revoke github -c work": "revoked github:work; deleted github:work",
        "authsome login openai": "saved openai:default",
        "authsome login openai -c work --stdin <key.txt": "saved openai:work",
        "authsome get openai -c work --field status": "connected\n",
        "authsome token openai:work": f"{work}\n",
        next(line for line in done if "len(os.environ" in line): f"{len(personal)}\n",
        "authsome run -p openai:work -p aws:prod -- ./deploy": f"{work} {walk.aws['ID']}\n",
        "authsome run --map SECOND_KEY=openai:work -- ./compare-accounts": f" {work}",
        "authsome export aws -c prod --format docker": f"AWS_SECRET_ACCESS_KEY={walk.aws['SECRET']}\n",
        "authsome set-default openai work": "openai: default: work (was default)",
        "authsome logout openai -c work": "deleted openai:work; personal is the default now",
        **dict.fromkeys(
            ("eval $(authsome env)", "authsome env | source", 'eval "$(authsome env --quoted)"'),
            f"{tokens['default']}\n{personal}\n",
        ),
    }
    assert {line: text for line, text in expected.items() if text not in done[line]} == {}
    assert [name for name, token in tokens.items() if acme.alive(token)] == ["default", "box", "far"]
    assert [acme.server.introspect(tokens[name])["scope"] for name in ("default", "far")] == [
        "repo read:user"
    ] * 2
