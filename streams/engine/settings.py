"""Every number of the engine, with its unit and default. Nothing here is read from anywhere else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from streams.engine.security import Security
from streams.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How one worker reads, keeps and commits.

    The defaults are those of a production cluster; `EngineSettings.embedded` has the short timeouts
    that suit a broker on the same machine. Sources: ENGINE.md section 4; where it names no number,
    chosen, not measured.

    Attributes:
        bootstrap: `host:port` of one or more brokers, separated by commas.
        datadir: directory Faust may write to (nothing of value is kept there).
        version: of the state; another number starts with empty tables and a new consumer group.
        security: what the brokers' listener asks for.
        partitions: of every topic keyed by customer.
        replication_factor: of topics we create.
        batch_records: most records of one partition in one batch.
        small_batch_records: a batch below this size makes its partition linger before the next one.
        linger_seconds: how long; bounds the batches per second of one partition.
        queue_batches: batches waiting before one agent; then its partitions are left undrained.
        fetch_max_wait_seconds: how long the broker may hold a fetch open. aiokafka keeps one fetch per
            broker in flight, so this is also the most a drained partition waits for an idle one.
        fetch_partition_bytes: of one partition in one fetch; must hold the largest message.
        commit_interval_seconds: between commits; bounds what a crash makes us read again.
        publish_interval_seconds: between two publications under load, which is how values are conflated
            (ARCHITECTURE.md, section 2); a quarter of it while there is little to publish (rhythm.py), and
            the first after a pause goes out at once.
        catch_up_seconds: the most either interval becomes while the worker is late, or will be (rhythm.py).
        room_records: outputs waiting for publication before `room()` makes an agent wait.
        max_skew_seconds: how far a partition may run ahead of its slowest sibling, in event time.
        skew_patience_seconds: when neither a sibling nor anything of the worker moves for this long (or the
            sibling for ten times as long), it holds nobody back.
        session_timeout_seconds, heartbeat_interval_seconds, rebalance_timeout_seconds,
        request_timeout_seconds, max_poll_interval_seconds: Kafka's, as named there.
        group_instance_id: static membership; empty for none.
        decoded_states: of one table, kept as objects beside the stored bytes while all its partitions are here.
        standby_replicas: warm copies of each table's partitions in other workers.
        producer_linger_seconds: how long a small produce request waits for company.
        producer_batch_bytes: of one record batch.
        producer_request_bytes: largest produce request, so also the largest message we can write.
        compression: of what is written: `snappy`, `lz4`, `zstd`, `gzip`, or empty for none.
        stall_seconds: a partition with lag in which nothing moves for two commit intervals at their longest and this is
            stuck; ten times that while others of the worker move.
        recovery_timeout_seconds: a recovery longer than this is stuck, and so is the first reading of a broadcast.
        names: what people call these settings, and `app_id`, where they set them, for errors; the names here by
            default.
    """

    bootstrap: str
    datadir: Path = field(default_factory=lambda: Path("zelo-data"))
    security: Security = field(default_factory=Security)
    version: int = 1
    partitions: int = 8
    replication_factor: int = 3
    batch_records: int = 10_000
    small_batch_records: int = 500
    linger_seconds: float = 0.01
    queue_batches: int = 16
    fetch_max_wait_seconds: float = 0.025
    fetch_partition_bytes: int = 4 * 1024 * 1024
    commit_interval_seconds: float = 1.0
    publish_interval_seconds: float = 0.25
    catch_up_seconds: float = 30.0
    room_records: int = 50_000
    max_skew_seconds: float = 7 * 86_400.0
    skew_patience_seconds: float = 5.0
    session_timeout_seconds: float = 30.0
    heartbeat_interval_seconds: float = 3.0
    rebalance_timeout_seconds: float = 60.0
    request_timeout_seconds: float = 60.0
    max_poll_interval_seconds: float = 300.0
    group_instance_id: str = ""
    decoded_states: int = 10_000
    standby_replicas: int = 0
    producer_linger_seconds: float = 0.005
    producer_batch_bytes: int = 512 * 1024
    producer_request_bytes: int = 4 * 1024 * 1024
    compression: str = "snappy"
    stall_seconds: float = 60.0
    recovery_timeout_seconds: float = 900.0
    names: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.bootstrap:
            raise ConfigurationError("bootstrap is empty: it must be host:port of a Kafka broker")
        if self.partitions < 1:
            raise ConfigurationError(f"partitions is {self.partitions}: it must be at least 1")
        if self.session_timeout_seconds > self.request_timeout_seconds:
            raise ConfigurationError(
                f"session_timeout_seconds is {self.session_timeout_seconds}: "
                f"it must not exceed request_timeout_seconds ({self.request_timeout_seconds})"
            )
        if self.rebalance_timeout_seconds <= 2 * self.heartbeat_interval_seconds:
            raise ConfigurationError(
                f"rebalance_timeout_seconds is {self.rebalance_timeout_seconds:g}: it must exceed two heartbeats "
                f"({self.heartbeat_interval_seconds:g} s each), or nobody hears of a rebalance in time to save and join"
            )
        if self.producer_batch_bytes > self.producer_request_bytes:
            raise ConfigurationError(
                f"producer_batch_bytes is {self.producer_batch_bytes}: "
                f"it must not exceed producer_request_bytes ({self.producer_request_bytes})"
            )

    @classmethod
    def embedded(cls, bootstrap: str, datadir: Path, partitions: int = 4) -> "EngineSettings":
        """Settings for a broker of one node on this machine: joins in 3 s, no replicas."""
        return cls(
            bootstrap=bootstrap,
            datadir=datadir,
            partitions=partitions,
            replication_factor=1,
            rebalance_timeout_seconds=3.0,
            session_timeout_seconds=6.0,
            heartbeat_interval_seconds=1.0,
            request_timeout_seconds=20.0,
            commit_interval_seconds=0.5,
        )

    @property
    def brokers(self) -> list[str]:
        """The brokers as `host:port`."""
        return [broker.strip() for broker in self.bootstrap.split(",") if broker.strip()]

    @property
    def decoded_states_per_partition(self) -> int:
        """Share of one partition."""
        return -(-self.decoded_states // self.partitions)

    @property
    def join_patience_seconds(self) -> float:
        """A group that answers and gives no partitions for so long never will: ten rebalances, or a poll interval."""
        return max(10 * self.rebalance_timeout_seconds, self.max_poll_interval_seconds)

    @property
    def stuck_after_seconds(self) -> float:
        """No progress for this long, with lag, means stuck (ENGINE.md, bug 16)."""
        return 2 * max(self.commit_interval_seconds, self.catch_up_seconds) + self.stall_seconds
