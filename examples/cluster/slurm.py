"""Workers on a SLURM cluster for `mtjspice signoff`: run this where jobs are submitted.

It needs ``pip install 'mtjspice[cluster]' dask-jobqueue``, and mtjspice and ngspice in the same
place on every node. One job is one Dask worker, which runs as many simulations at once as it has
threads. ``--local`` tries it with two workers on this machine, and ends.

Whoever reaches the scheduler can run code on the workers. ``--tls`` has all of them ask for the
certificates that Dask's configuration names; docs/signoff.md shows one.
"""

import contextlib
import sys
import threading
from typing import Any


def main() -> None:
    local = "--local" in sys.argv
    how: dict[str, Any] = {}
    if "--tls" in sys.argv:
        from distributed.security import Security  # noqa: PLC0415

        how = {"protocol": "tls://", "security": Security()}
    if local:
        from distributed import LocalCluster  # noqa: PLC0415

        page = {"dashboard_address": "127.0.0.1:0"}  # on any free port
        cluster = LocalCluster(n_workers=2, threads_per_worker=1, **how, **page)
    else:
        from dask_jobqueue import SLURMCluster  # noqa: PLC0415

        job = {"queue": "normal", "cores": 16, "processes": 1, "memory": "32GB", **how}
        cluster = SLURMCluster(**job, walltime="12:00:00")
        cluster.scale(jobs=8)
    address = cluster.scheduler_address
    print(f"mtjspice signoff WEIGHTS --dies DIES --scheduler {address}", flush=True)
    with cluster, contextlib.suppress(KeyboardInterrupt):  # Ctrl-C ends the jobs, too
        if not local:
            threading.Event().wait()


if __name__ == "__main__":  # worker processes import this file
    main()
