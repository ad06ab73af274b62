"""Agents: take a batch, decode with the guard, fold, publish. A decision found here is a bug.

Each module has one `register(zelo)`; agents meet only through topics and import no other agent.
"""
