"""Reconciliation: every figure that SQL can count from the raw events, against the one the folds published.

It shares nothing with the folds (an import contract says so): the definitions of METRICS.md are written a second time,
in SQL, over the table `events`; scores, figures of many customers and views over the rows of each customer, once those
are confirmed. Where both say the same, neither is wrong by accident.

    sql/*.sql        a recount per domain; facts.sql, which events count and for which days, begins those over events,
                     scored.sql, what was known when a day closed, those of scores
    recount.py       a recount: what it counts, from which topic, against which table
    recounts.py      those there are, views.py of views; what has none, and why
    policy.py        what SQL must know of a profile and the settings; scores.py of how it makes scores
    questions.py     what else is asked
    staging.py       a recount in steps, each planned once
    comparing.py     two sets of rows side by side
    asking.py        the settings under which ClickHouse is asked, and temporary tables
    reconciler.py    the questions to ClickHouse, customers by customers
"""
