"""The engine against stock Faust and a bare loop: the same job on the same broker in one run (docs/performance.md).

`python -m bench` starts an embedded broker and each contestant as a worker process of its own, and compares
rates, processor time, the way from event to score, and the state after a kill -9. Figures of different runs
or machines are never compared; ratios to stock Faust within one run are.
"""
