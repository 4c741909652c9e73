"""Stated numbers, what was promised of them, and the intervals that verdicts rest on."""
