"""What travels and what is stored: typed messages, the list of topics, the codec, ClickHouse migrations.

Pure: no Faust, no I/O, no clock. Every instant is an integer of milliseconds since 1970-01-01 UTC, every day an
integer of days since 1970-01-01 in the company's time zone, money an integer of minor units beside its currency.
"""
