"""Backtest: stored history under two profiles, and what the second would have changed. Pure.

replay   both profiles over the same events     track   what one profile said, day by day
foresight   warnings against churn              report  both tracks side by side
"""
