"""Reconciliation: every figure that SQL can count from the raw events, against the one the folds published.

It shares nothing with the folds (an import contract says so): the definitions of METRICS.md are written a second time,
in SQL, over the table `events`; figures of many customers over the rows of each, once those are confirmed. Where both
say the same, neither is wrong by accident.

    sql/*.sql        a recount per domain; facts.sql, which events count and for which days, begins them all
    recounts.py      what is recounted, from which topic, against which table
    policy.py        what SQL must know of a profile and the settings
    comparing.py     two sets of rows side by side
    reconciler.py    the questions to ClickHouse, customers by customers
"""
