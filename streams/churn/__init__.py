"""Churn risk: features, a River model learned online from delayed labels, its honest quality and its reasons.

Pure like the metrics: values in, values out; no runtime, network, environment or clock.

    readings, features   what the model sees of a customer, from metric values alone
    exact, scale, rls    River estimators: fixed scaling, recursive logistic regression; same bits anywhere
    model                both as one pipeline, and its parameters as plain JSON
    labels, trainer      delayed labels; the machine that tests, then learns, day by day
    evaluation           test-then-train quality on mature labels
    explain, scoring     reasons in log-odds; a published model applied to a customer
    policy               every threshold and constant, with its source
"""
