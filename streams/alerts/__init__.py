"""Alerts: rules as data, episodes that keep them from nagging, messages in three languages. Pure."""
