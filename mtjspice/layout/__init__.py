"""Does an array layout read, settle, write and yield? Every analysis, and the whole way."""

import mtjspice.report  # noqa: F401, first of all: it imports matplotlib from a safe folder
