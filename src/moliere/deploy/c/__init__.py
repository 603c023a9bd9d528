"""Models as C99 that needs nothing but the C library."""

from __future__ import annotations
