"""`--help` of the programs that are for other programs: what they answer, and how to have them asked."""

from __future__ import annotations

_GIT = """\
authsome git-credential [--vault NAME] [--only ID,…] get|store|erase

Answers git with a fresh login: inside a run for the run's connections, outside for those of the vault.
What git asks comes on stdin; see git-credential(1). `store` keeps nothing; `erase` has the refused token
renewed. With several connections for one host it is the one whose name or account is the user name or, with
useHttpPath, the repository's owner; else the default.

To have git ask outside of runs:
    git config --global credential.helper authsome
Two accounts on one host:
    git config --global credential.https://github.com.useHttpPath true
    git config --global credential.https://github.com/acme.username work
"""

_DOCKER = """\
authsome docker-credential [--vault NAME] [--only ID,…] get|list|store|erase|version

Answers Docker, Podman and Skopeo with a fresh login: inside a run for the run's connections, outside for
those of the vault. The server comes on stdin. `store` fails and `erase` deletes nothing: that is for
`authsome login` and `authsome logout`.

To have them ask, inside of runs too, in ~/.docker/config.json (Podman and Skopeo: auth.json):
    {"credHelpers": {"ghcr.io": "authsome"}}
"""

_AWS = """\
authsome aws-credentials [--vault NAME] [--only ID,…] [REF]

Prints one access key as credential_process of an AWS profile wants it: inside a run one of the run's,
outside one of the vault's.

To have AWS's tools ask outside of runs, in ~/.aws/config:
    [profile prod]
    credential_process = authsome aws-credentials aws:prod
"""

PAGES = {"git-credential": _GIT, "docker-credential": _DOCKER, "aws-credentials": _AWS}
