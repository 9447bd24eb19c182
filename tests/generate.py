"""Write what follows from the bundled definitions: the page of all, how many they are, and the completions.

    python tests/generate.py

tests/unit/test_generated.py fails until that was done.
"""

from __future__ import annotations

import os
import re
import textwrap

from authsome_env.cli.provider_words import LOGIN
from authsome_env.providers.kinds import KINDS
from authsome_env.providers.registry import Registry

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = "authsome_env/providers/PROVIDERS.md"
WIDTH = 100

# The file, what stands before the names and behind them, and how a line goes on.
COMPLETIONS = (
    ("completions/authsome.bash", '    reference | mapping)\n        words="', '"\n        ;;\n', ""),
    ("completions/_authsome", "    local -a providers=(\n        ", "\n    )\n", ""),
    ("completions/authsome.fish", "    set -l names ", "\n    printf '%s\\n' $names\n", " \\"),
)


def main() -> None:
    for path, text in files().items():
        with open(os.path.join(ROOT, path), "w", encoding="utf-8") as file:
            file.write(text)


def files() -> dict[str, str]:
    """Path from the root to text, for every file of which a part is generated."""
    registry = Registry("/nonexistent")
    texts = {PAGE: page(registry)}
    for path, before, behind, goes_on in COMPLETIONS:
        names = textwrap.fill(
            " ".join(registry.names()), WIDTH, subsequent_indent="        ", break_on_hyphens=False
        )
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            old = file.read()
        place = re.escape(before) + '[^"()$]*?' + re.escape(behind)
        new = before + names.replace("\n", f"{goes_on}\n") + behind
        texts[path], count = re.subn(place, lambda _, new=new: new, old)
        assert count == 1, f"{path}: where do the names stand?"
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        texts["README.md"], count = re.subn(
            r"\d+ (are bundled\][^,]*), \d+ ", r"{} \1, {} ".format(*counts(registry)), file.read()
        )
    assert count == 1, "README.md: where does it count?"
    return texts


def counts(registry: Registry) -> tuple[int, int]:
    """All, and those that log in with OAuth."""
    definitions = [registry.load(name) for name in registry.names()]
    return len(definitions), sum(definition.oauth is not None for definition in definitions)


def page(registry: Registry) -> str:
    definitions = [registry.load(name) for name in registry.names()]
    number, by_oauth = counts(registry)
    text = (
        "# The bundled providers\n\n"
        f"{number}, of which {by_oauth} log in with OAuth. `authsome provider show NAME` tells more"
        " of each.\nThis page is generated: `python tests/generate.py`.\n"
    )
    for kind, heading in KINDS.items():
        rows = [definition for definition in definitions if definition.kind == kind]
        if rows:
            text += f"\n## {heading}\n\n| name | service | login | variables |\n|---|---|---|---|\n"
        for each in rows:
            flows = ", ".join(LOGIN[flow] for flow in each.flows)
            variables = ", ".join(f"`{variable}`" for variable in each.env)
            text += f"| [{each.name}]({each.docs}) | {each.display_name} | {flows} | {variables} |\n"
    return text


if __name__ == "__main__":
    main()
