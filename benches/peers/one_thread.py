"""Imported before numpy: one thread for whatever matrix library numpy brings. More threads cost CPU seconds here."""

import os

NAMES = [f"{name}_NUM_THREADS" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")]
os.environ.update(dict.fromkeys(NAMES, "1"))
