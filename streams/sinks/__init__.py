"""Where results leave the house: ClickHouse rows in large blocks, Slack messages.

    archive.py     batches of records to the writer and the dead letters; what the archive agent calls
    record.py      a Kafka record with the message in it
    columns.py     how a field of a message becomes a ClickHouse column
    tables.py      THE list of tables: columns, key, version; mapping, DDL test and in-memory twin read it
    rows.py        records of a topic to rows
    backend.py     what the writer needs of a database, and how its errors are told apart
    clickhouse.py  the database itself, over HTTP
    memory.py      its twin in memory, for tests
    delivery.py    one block: retries, and the search for the row that cannot be stored
    lane.py        the rows of one table that wait
    writer.py      all tables: back-pressure, acknowledgements, flush
    migrate.py     numbered migrations of schemas/clickhouse
    slack.py       alerts to Slack
    delivered.py   what has been delivered

Why a row is there exactly once, whatever is sent again: a block carries a token made of its source positions
and bytes, so the driver's and our own retries of it count once; a replay with other block boundaries carries
other tokens, and then the table's key and version keep one row (ReplacingMergeTree, read with FINAL or
through the views).
"""
