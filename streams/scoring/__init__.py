"""Scoring: the newest values of every domain folded into one card per customer, scored live and by aligned day.

Pure like `streams.metrics`; it is the only room that looks at metrics and churn together.
"""
