"""The catalogue: every figure Zelo publishes, defined once, as data (`entries/*.toml`, one file per chapter).

docs/metrics.md, `zelo metrics` and the tests read it. Nothing here computes a figure.
"""
