"""Hypothesis as CI needs it: the same examples in every run, and no limit on the time of one."""

from hypothesis import settings

settings.register_profile("mtjspice", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("mtjspice")
