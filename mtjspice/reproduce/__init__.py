"""Published experiments, each reproduced by one function whose numbers stand in a spec file."""

import mtjspice.report  # noqa: F401, first of all: it imports matplotlib from a safe folder
