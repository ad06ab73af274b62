"""Churn risk: features, a River model learned online from delayed labels, its honest quality and its reasons.

Pure like the metrics: values in, values out; no runtime, network, environment or clock.

    readings, features   what the model sees of a customer, from metric values alone
    exact, scale         fixed scaling as a River transformer; same bits anywhere
    linear, rls, adagrad River classifiers: recursive logistic regression, gradient steps
    model, parameters    both as one pipeline, and its state as plain JSON
    labels, agenda       delayed labels, and who has something to do on a day
    trainer, learner     the machine that tests, then learns, day by day; the models behind it
    ledger               what its table holds of them
    contest, seats       champion and challengers: promotion, roll-back; who takes part
    booster              the boosted challenger: its labels (booster_labels), its trees (booster_fit)
    calibration, drift   Platt scaling, dormant; ADWIN (adwin) on the residual
    evaluation, curves   test-then-train quality on mature labels
    publishing, news     the model as it is published; what people hear of it
    horizons             probabilities for other windows
    explain, scoring     reasons in log-odds; a published model applied to a customer
    policy               every threshold and constant, with its source
"""
