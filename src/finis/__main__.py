"""``python -m finis``."""

import sys

from finis.cli.main import main

sys.exit(main())
