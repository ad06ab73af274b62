"""`zelo churn`: the churn model as it stands, a customer's risk, and how good the model is on a file of events."""

from streams.cli.lazy import LazyCommand, lazy_group, part

group = lazy_group(
    LazyCommand(
        "status",
        lambda: part("churn_status").command,
        "Show the churn model: quality over time, calibration, heaviest features, drift, challengers, changes.",
    ),
    LazyCommand(
        "explain",
        lambda: part("churn_explain").command,
        "Explain a customer's churn risk: its reasons, what changed in a week, and how far to trust it.",
    ),
    LazyCommand(
        "evaluate",
        lambda: part("churn_evaluate").command,
        "Measure the churn model on events: test-then-train, mature labels, next to simple opponents.",
    ),
    name="churn",
)
