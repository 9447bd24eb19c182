"""The parameters that several commands share, for their annotations."""

from __future__ import annotations

from typing import Annotated

import typer

Provider = Annotated[str, typer.Argument(metavar="PROVIDER", help="the provider's name, as in github")]

Reference = Annotated[
    str, typer.Argument(metavar="REF", help="provider[:connection][#field], as in github:work")
]

Connection = Annotated[
    str | None,
    typer.Option("--connection", "-c", metavar="NAME", help="this connection instead of the default one"),
]

OnlyConnection = Annotated[
    str | None, typer.Option("--connection", "-c", metavar="NAME", help="show this connection alone")
]

Format = Annotated[
    str | None,
    typer.Option("--format", metavar="F", help="as in `authsome env`; else the calling shell's"),
]

Prefix = Annotated[
    str | None, typer.Option("--prefix", metavar="X", help="put this before the name of every variable")
]

ShowSecret = Annotated[bool, typer.Option("--show-secret", help="print secrets instead of ***")]

Quoted = Annotated[
    bool, typer.Option("--quoted", help='print for eval "$(…)", which every value survives in sh too')
]

ToArtifact = Annotated[
    bool,
    typer.Option("--to-artifact", help="agree that gitlab stores the report as a downloadable artifact"),
]

Force = Annotated[bool, typer.Option("--force", help="create or overwrite it, and make it the default")]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]

Name = Annotated[str, typer.Argument(metavar="NAME", help="the connection's name")]

NewName = Annotated[str, typer.Argument(metavar="NEW", help="its new name")]

NewConnection = Annotated[
    str, typer.Option("--connection", "-c", metavar="NAME", help="the name to save it under")
]

Key = Annotated[
    str | None,
    typer.Option(
        "--key", metavar="SOURCE", help="keyring, file, passphrase or variable (AUTHSOME_MASTER_KEY)"
    ),
]

FromEnv = Annotated[
    list[str] | None,
    typer.Option("--from-env", metavar="[FIELD=]VAR", help="take a field from this variable"),
]

NoBrowser = Annotated[
    bool, typer.Option("--no-browser", help="open no browser: print the URL, and take what is pasted")
]
