"""The engine against its peers: the same job on the same broker in one run (docs/performance.md).

`python -m bench` starts a broker and each contestant as a worker process of its own, and compares rates, processor
time, the way from event to score, and the state after a kill -9; then the whole product gets a backlog of its own.
Figures of different runs or machines are never compared; ratios within one run are.
"""
