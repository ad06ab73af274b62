"""An embedded ClickHouse (chdb) behind the ClickHouse HTTP interface, to try, develop and test with.

    python -m streams.embedded.clickhouse --path DIR [--port N] [--user NAME --password SECRET]

One process owns DIR; any number of clients talk to it: clickhouse-connect (sync and async), SQLAlchemy on top
of it, clickhouse-migrations, curl. A line `{"host": ..., "port": ...}` on standard output says it listens.

    errors.py        error codes and their HTTP status
    compression.py   request bodies: lz4, zstd, gzip, deflate
    statement.py     where an INSERT's data begins, which format a SELECT asks for
    request.py       an HTTP request as a `Query`; authentication
    engine.py        chdb: sessions, execution
    server.py        the HTTP side: streaming, errors in mid-stream
    run.py           the endpoint's life from start to signal
    child.py         the endpoint as a child of our supervisor

What differs from clickhouse-server: one user, without roles and row policies; no query_log; no KILL, and a
query stops on its client's disconnect only between two blocks of the result; replies are not compressed; no
native compression (`compress=1`); no `client_protocol_version`, so a DateTime's own zone is lost
(DateTime64(3, 'UTC') keeps it); no Kafka engine, no `input()`; refreshable views need a database other than
`default`; inserts are always synchronous; requests of web pages are refused while there is no password.
Whatever would change data or results is refused when it is not supported, never ignored.
"""
