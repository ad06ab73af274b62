"""Reasons in words: what a reason's code says in Portuguese, Spanish and English, with its numbers. Pure.

How a text is written, and how numbers are put in: `template`. Reasons are associations: no text says "because".
"""
