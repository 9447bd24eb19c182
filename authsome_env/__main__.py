import sys

from authsome_env.cli.main import main

sys.exit(main())
