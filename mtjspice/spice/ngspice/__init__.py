"""ngspice: find it, drive it through its shared library, check what it says, read it back.

Everything here runs inside a worker process (`mtjspice.collect`): ngspice keeps global state, and a
simulator that crashes must not take the user's Python with it.
"""
