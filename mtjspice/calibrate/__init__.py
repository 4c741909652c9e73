"""Fit the surrogate to ngspice, hold it against runs that it never saw, and write its card."""
