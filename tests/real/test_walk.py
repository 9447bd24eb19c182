"""A newcomer's first day, in each shell: log in twice, look around, load variables, run programs, log out.

One script a shell, as a person would type it. Its transcript (stdout and stderr) must be exactly this.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig

import pytest

PERSONAL = "sk-personal-0123456789-abcdefghij"
WORK = "sk-work-0123456789-ABCDEFGHIJ"

POSIX = r"""
printf '%s\n' "$PERSONAL" | authsome login openai --stdin
printf '%s\n' "$WORK" | authsome login openai --connection work --stdin
printf '%s\n' "$WORK" | authsome login openai --stdin; echo "again: $?"
echo '# list'; authsome list
echo '# inspect'; authsome inspect openai
echo '# get'; authsome get openai -c work
authsome get openai --field status
echo '# token'; test "$(authsome token openai)" = "$PERSONAL" && echo personal
test "$(authsome token openai:work)" = "$WORK" && echo work
echo '# export'; authsome export openai -c work --format dotenv
echo '# set-default'; authsome set-default openai work
echo '# run'; authsome run -- python -c "$SHOW"
authsome run -p openai:default -- python -c "$SHOW"
authsome run -- sh -c 'exit 7'; echo "status: $?"
echo '# env'; eval $(authsome env); python -c "$SHOW"
eval "$(authsome env -p openai:default)"; python -c "$SHOW"
eval $(authsome env --unset); python -c "$SHOW"
eval "$(authsome env -p openai:nope)"; echo "status: $?"
echo '# logout'; authsome logout openai
authsome logout openai
authsome list
"""

FISH = r"""
printf '%s\n' "$PERSONAL" | authsome login openai --stdin
printf '%s\n' "$WORK" | authsome login openai --connection work --stdin
printf '%s\n' "$WORK" | authsome login openai --stdin; echo "again: $status"
echo '# list'; authsome list
echo '# inspect'; authsome inspect openai
echo '# get'; authsome get openai -c work
authsome get openai --field status
echo '# token'; test (authsome token openai) = "$PERSONAL"; and echo personal
test (authsome token openai:work) = "$WORK"; and echo work
echo '# export'; authsome export openai -c work --format dotenv
echo '# set-default'; authsome set-default openai work
echo '# run'; authsome run -- python -c "$SHOW"
authsome run -p openai:default -- python -c "$SHOW"
authsome run -- sh -c 'exit 7'; echo "status: $status"
echo '# env'; authsome env | source; python -c "$SHOW"
eval (authsome env -p openai:default); python -c "$SHOW"
authsome env --unset | source; python -c "$SHOW"
authsome env -p openai:nope | source; echo "status: $status"
echo '# logout'; authsome logout openai
authsome logout openai
authsome list
"""

TRANSCRIPT = f"""\
made the vault; its master key: file
authsome: warning: the master key is in a 0600 file beside the vault: whoever copies both can read it; \
`authsome vault rekey --key passphrase` (or keyring) changes that
saved openai:default
default: default
saved openai:work
authsome: openai is connected as default already, logged in AGE ago [connection_exists]
hint: authsome login openai -c OTHER-NAME for a second account, \
or authsome login openai -c default --force to replace it
again: 6
# list
PROVIDER  CONNECTION  DEFAULT  ACCOUNT  STATUS     EXPIRES IN  SCOPES
openai    default     yes      -        connected  -           -
openai    work                 -        connected  -           -
# inspect
provider              openai (OpenAI)
type                  api_key
flows                 api_key
documentation         https://platform.openai.com/api-keys
API host              api.openai.com
fields                OpenAI API key
fills OPENAI_API_KEY  {{api_key}}

connection  openai:default (default)
type        api_key
status      connected
created     TIME
logged in   TIME

connection  openai:work
type        api_key
status      connected
created     TIME
logged in   TIME
# get
connection  openai:work
type        api_key
status      connected
created     TIME
logged in   TIME
api_key     ***
connected
# token
personal
work
# export
OPENAI_API_KEY='{WORK}'
# set-default
openai: default: work (was default)
# run
{WORK}
{PERSONAL}
status: 7
# env
{WORK}
{PERSONAL}
None
authsome: openai has no connection nope; it has default, work [connection_not_found]
hint: authsome login openai -c nope
status: 3
# logout
deleted openai:work; default is the default now
deleted openai:default
no connections yet; authsome login PROVIDER makes the first (authsome provider list shows which)
"""


@pytest.mark.parametrize(
    ("shell", "script"), [("bash", POSIX), ("zsh", POSIX), ("fish", FISH), ("dash", POSIX)]
)
def test_the_walk_of_a_newcomer(need, tmp_path, shell, script):
    done = subprocess.run(
        [need(shell), "-c", script],
        env={
            "PATH": f"{sysconfig.get_path('scripts')}:{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "LANG": "C.UTF-8",
            "PERSONAL": PERSONAL,
            "WORK": WORK,
            "SHOW": "import os; print(os.environ.get('OPENAI_API_KEY'))",
        },
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # no terminal to ask at
        timeout=120,
        check=False,
        text=True,
    )
    shown = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "TIME", done.stdout)
    shown = re.sub(r"logged in \d+[sm] ago", "logged in AGE ago", shown)
    assert shown == TRANSCRIPT
    assert (tmp_path / ".local/share/authsome/vaults/default.db").stat().st_mode & 0o777 == 0o600
