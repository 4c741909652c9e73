"""Fit the surrogate to SPICE, hold it against runs that it never saw, and write its card."""

import mtjspice.report  # noqa: F401, first of all: it imports matplotlib from a safe folder
