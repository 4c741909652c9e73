"""`mtjspice run`: networks trained or read, every sample in SPICE, a verdict, a page."""

import mtjspice.report  # noqa: F401, first of all: it imports matplotlib from a safe folder
