"""Published experiments, each reproduced by one function whose numbers stand in a spec file."""
