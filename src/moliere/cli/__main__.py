"""``python -m moliere.cli``: the command line where the entry point is not on the path."""

from __future__ import annotations

import sys

from moliere.cli import main

sys.exit(main())
