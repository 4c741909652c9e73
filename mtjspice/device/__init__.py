"""Closed-form physics of the junction, one source for each formula."""
