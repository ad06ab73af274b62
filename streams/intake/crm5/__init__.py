"""Importer of crm5, a simulated B2B CRM with churn (the churn benchmark; `zelo import crm5`).

rows   the two CSV tables, typed        daily  the Parquet file of daily counts, day by day
facts  what each of them says as events  rules  the rules for what the data leave open
"""

from streams.intake.crm5.importer import Crm5

__all__ = ["Crm5"]
