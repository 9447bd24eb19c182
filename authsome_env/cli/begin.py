"""How a run's configuration starts `credentials`: `python -I -S begin.py VERB …`.

Neither the caller's folder nor its PYTHON* variables nor what is installed gets a say, and that is fast.
"""

import os
import sys

if __name__ == "__main__":
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from authsome_env.cli.credentials import main

    main()
