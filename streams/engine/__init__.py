"""Batched Faust: whole fetches instead of messages, and tables that are exact after any crash.

Faust and aiokafka stay as they are; their consumer, recovery and table classes are replaced (0.15.3 and
0.14 are pinned, the reasons are in docs and ENGINE.md).

Invariants of the transport
    I1  A batch carries [start, end): the fetch position before and after its records were taken, read in
        one synchronous step.
    I2  `start` equals the end of the batch before. Larger: this process dropped records, they are read
        again; when the log itself begins later by now, retention deleted them, and that is logged and
        counted. Smaller: the part already delivered is cut off. Holes of the broker lie inside a batch. Once a
        second the same is asked of partitions from which nothing comes. What a transaction took back is not read.
    I3  What may be committed is the end of the longest acknowledged prefix, in order of delivery, and behind it what
        a table has taken in of the next batch.
    I4  Every seek and revocation ends the life of a partition: late acks touch only forgotten objects, late
        agents get no records from `table.batch`. Between a revocation and the next seek nothing is accepted.
    I5  A seek sets the expected position, it never forgets it.
    I6  A failed commit is not recorded as committed; it is made again.
    I7  Without any commit a seek returns to the beginning of the log, not to wherever reading got to.
    I8  A revocation keeps what is in flight until the last commit is made.
    I9  Nothing is written on a membership of the group that may have ended; the next heartbeat decides (lease.py).
        What was sent and has not left by then is taken back (fence.py).
    I10 Between a membership's last save and the next assignment nothing is taken out of tables and outboxes
        (checkpoint.py), and nothing is written (lease.py). A write found under way goes on afterwards only where
        nobody else can have had the partitions; else the worker ends (consumer.py).

Invariants of the tables
    T1  What is committed is saved: outputs, then keys, then meta, then source offsets (checkpoint.py). Pieces of work
        that precede a record are saved without the last.
    T2  Recovered is the last complete flush of a partition, keys and meta alike (staging.py). Only what a
        compaction may have taken the older version of is kept further; it says so (`partition.ahead`)
        until the replay has passed it.
    T3  A table is changed only between commits, never during one: `table.batch` does not await.
    T4  Memory outlives a rebalance only where nobody else can have written (recovery.py).
    T5  What is marked for publication is rendered at some time. A save renders it before, or, in a backlog, writes down
        with the meta record that something is marked: whoever recovers that partition marks all its keys, and in any
        case those it has further (partition.py). A commit of all there is to read leaves nothing marked, once the end
        of a backlog is through the worker (settling.py).

Use
    A worker role is one app. Topics exist before it starts (`await create_topics(...)`, changelogs with
    `CHANGELOG_CONFIG`, named by `changelog_name(app_id, table)`)::

        settings = EngineSettings.embedded("127.0.0.1:9092", datadir=Path("data"), partitions=4)
        gate = SkewGate(["zelo.usage.v1", "zelo.billing.v1"], max_skew_ms=7 * 86_400_000)
        app = engine_app("zelo-stream", settings, gate=gate, autodiscover=["agents"], origin="streams.app")
        usage = batch_topic(app, "zelo.usage.v1", partitions=4)


        def render(part: Partition[Customer, Ledger], keys: Sequence[str]) -> None:
            for key in keys:
                if (customer := part.get(key)) is not None:  # it may be asked for any key (table.py)
                    part.emit("zelo.metrics.v1", key.encode(), encode(customer))


        table = state_table(app, "usage", "zelo.usage.v1", 4, Customer, Ledger, render)


        @app.agent(usage, name="usage")
        async def fold_usage(stream: Any) -> None:
            async for event in stream.noack().events():
                async for run in table.runs(event):  # each when it is this agent's turn
                    with table.batch(event, run) as (part, records):  # never await inside
                        machine.step(part, decode(records, decoder))
                app.engine.gate.advance(event.message.tp, watermark_ms, part.applied)
                event.ack()

    An agent must `ack` exactly when it is done with the batch, and must not swallow exceptions: one that
    escapes ends the process, which is restarted and reads the batch again. An agent without a table
    publishes through `outbox = app.engine.outbox()`, `outbox.emit(Output(...))` and, now and then,
    `await outbox.room()`. An agent is known by its `name=` (it must be unique in the app: Faust keeps agents
    by it); in the log Faust shows the function, so give each a name of its own there, too. One that waits for an
    outside system does it inside `with app.engine.waiting("clickhouse"):`, so that the watchdog knows.
    Start with `faust.Worker(app, ...)`. `app.engine.counters` counts.
"""
