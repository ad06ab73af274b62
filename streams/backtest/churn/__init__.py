"""How good the churn model is on a history of events: the product's own pipeline, measured, beside simple opponents.

rehearsal  events to mature labels, by the machines that are live      sample     labels as arrays
measures   the figures of quality, with weights                        intervals  bootstrap over customers
baselines  opponents that are refit on the same snapshots              report     all of it together
"""
