"""The process that stays with a run, as far as a delivery is concerned: writes set after set, serves readers.

    python deliver.py FOLDER SECONDS KIND [PATH]

Writes the first set and says what the environment gets, or what is wrong. Then it writes a set every SECONDS;
with 0, when stdin says `write`. To `lost` it answers what the delivery says. It removes all when stdin is
closed. Every answer is a line of JSON.
"""

import json
import os
import select
import sys

from authsome_env.deliver.deliveries import Choice
from authsome_env.errors import AuthsomeError

NAMES = [f"V_{number}" for number in range(1, 7)]


def values_of(generation):
    """A set whose values all tell its generation; of another length each time, so that a torn one shows;
    every eighth one is larger than a pipe."""
    tag = b"%d" % generation
    return {
        "V_1": tag,
        "V_2": tag + b" " + b"x" * (generation * 37 % 700),
        "V_3": tag + b"\n" + b"line # of a key\n" * (generation * 13 % 90),
        "V_4": tag + b' "$HOME" `id` ' + "grüße".encode(),
        "V_5": tag + b"=" * (generation * 101 % 3000 * (100 if generation % 8 == 0 else 1)),
        "V_6": tag,
    }


def main(folder, seconds, kind, path=None):
    delivery = Choice.parse(deliver=kind, path=path).delivery(folder)
    generation = 0

    def write():
        nonlocal generation
        generation += 1
        try:
            delivery.write(values_of(generation), generation)
        except AuthsomeError as error:
            return error.message
        return "written"

    def say(what):
        print(json.dumps(what), flush=True)

    begun = write()
    delivery.serve()
    environment = {name: os.fsdecode(value) for name, value in delivery.environment(NAMES).items()}
    say(environment if begun == "written" else begun)
    while True:
        reads, writes = delivery.waits()
        timeout = float(seconds) or None
        ready, _, _ = select.select([0, *reads], writes, [], timeout)
        delivery.step()
        if 0 in ready:
            asked = os.read(0, 100)  # one at a time, each waits for its answer
            if not asked:
                break
            say(delivery.lost() if asked == b"lost\n" else write())
        elif timeout:
            write()
    delivery.remove()


if __name__ == "__main__":
    main(*sys.argv[1:])
