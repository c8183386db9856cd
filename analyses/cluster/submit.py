"""Runs the tasks of a plan under HyperQueue, with a server and workers on this machine.

    submit.py SMALE PLAN [WORKERS]

On a cluster there is a server already: see docs/cluster.md.
"""

import json
import os
import sys

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig


def main():
    smale, plan = map(os.path.realpath, sys.argv[1:3])
    workers = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    with open(os.path.join(plan, "manifest.json")) as file:
        tasks = json.load(file)["tasks"]
    job = Job(default_workdir=plan, max_fails=None)
    # Backwards, since the order must not matter.
    for task in reversed(range(tasks)):
        command = [smale, "run", "--quiet", "--threads", "1", "--task", str(task), plan]
        job.program(command, stdout=None, stderr=None)
    with LocalCluster() as cluster:
        for _ in range(workers):
            cluster.start_worker(WorkerConfig(cores=1))
        client = cluster.client()
        client.wait_for_jobs([client.submit(job)])
    print(f"{tasks} tasks by {workers} workers")


if __name__ == "__main__":
    main()
