"""Everything that is looked at in two samples: one file a kind of finding."""

from __future__ import annotations

from moliere.registry import import_modules

import_modules(__name__, __path__)
