"""Importer of the RavenStack data set (demo/ravenstack): a synthetic SaaS company with real dirt.

rows   the five tables, typed            book   what they say about each other
rules  the rules for their dirt          facts, tickets  what each row says as events
"""

from streams.intake.ravenstack.importer import Ravenstack, ravenstack_events

__all__ = ["Ravenstack", "ravenstack_events"]
