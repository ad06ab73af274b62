"""A made-up company's events: seeded, told story by story, with every hard case planted and counted.

`company.generate` puts it together. Every event has `source` = `generated`; nothing may be concluded from the figures
about a real company.
"""
