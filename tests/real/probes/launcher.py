"""The smallest program that runs its arguments as `authsome run --none --` does."""

import os
import sys

sys.path.insert(0, os.path.abspath(f"{__file__}/../../../.."))

from authsome_env.deliver import environ
from authsome_env.supervise import inherited
from authsome_env.supervise.exec import CommandFailed, replace_process

inherited.hold_stdio()
try:
    replace_process(inherited.arguments(len(sys.argv) - 1), environ.build(inherited.environment(), {}))
except CommandFailed as failure:
    os.write(2, f"{failure}\n{failure.hint}\n".encode())
    sys.exit(failure.exit_code)
