"""Trained weights against SPICE: every level's outputs, their metrics, the verdict."""

import mtjspice.report  # noqa: F401, first of all: it imports matplotlib from a safe folder
