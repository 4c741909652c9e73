"""Whole ways, from what the user gives to the verdict: a study, a sign-off."""
