"""Simulators, each in a folder of its own; `doctor` looks whether all is well."""
