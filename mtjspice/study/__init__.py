"""`mtjspice run`: networks trained or read, every sample in ngspice, a verdict, a page."""
