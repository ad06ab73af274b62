"""The worker of a role: settings, clock, calendar and profile around one Faust app.

Three roles are three consumer groups, and three processes, so that a dead ClickHouse or Slack holds up nobody else.
Agents are modules with a `register(zelo)`; they are found by name, this module imports none of them.
"""

from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Literal

from schemas.registry import INPUT_TOPICS, OBSERVATIONS, PORTFOLIO, Topic
from streams.clock import Clock, SystemClock
from streams.config import Settings
from streams.engine.app import EngineApp, engine_app
from streams.engine.gate import SkewGate, always_open
from streams.engine.partition import Render
from streams.engine.settings import EngineSettings
from streams.engine.table import StateTable, changelog_name, state_table
from streams.engine.topics import CHANGELOG_CONFIG, TopicSpec
from streams.engine.transport import batch_topic
from streams.errors import ConfigurationError
from streams.kafka import NAMES, security
from streams.metrics.days import DAY_MS, Days
from streams.metrics.profile import Profile, load_profile
from streams.telemetry import ModelVitals
from streams.topics import partitions, topic_name

Role = Literal["stream", "archive", "notify"]
#: Waiting before an agent; of large ones few are enough to keep it busy, and each may take 10 MB.
_QUEUE = 4
#: In one batch: one by one the way to the agent cost more than what it does. So many, and as many again, may be told
#: before one of another partition.
_ALERTS = 10
ROLES: dict[Role, tuple[str, ...]] = {
    "stream": (
        "agents.spend",  # first: what is published together goes out in this order, and days are told again for spend
        "agents.usage",
        "agents.tickets",
        "agents.billing",
        "agents.surveys",
        "agents.accounts",
        "agents.scoring",
        "agents.trainer",
        "agents.portfolio",
        "agents.alerts",
        "agents.heartbeats",
    ),
    "archive": ("agents.archive",),
    "notify": ("agents.notify",),
}


@dataclass(frozen=True)
class Zelo:
    """What an agent is given.

    Attributes:
        gate: keeps the input topics of a partition within a bounded distance in time.
        inputs: the tables of the domains by the name of their input topic.
        model: what this worker's page says of the churn model; agents keep it up to date.
    """

    settings: Settings
    app: EngineApp
    clock: Clock
    days: Days
    profile: Profile
    gate: SkewGate
    inputs: dict[str, StateTable[Any, Any]] = field(default_factory=dict)
    model: ModelVitals = field(default_factory=ModelVitals)

    def name(self, topic: Topic) -> str:
        """The topic's name on the broker."""
        return topic_name(self.settings, topic)

    def source(self, topic: Topic) -> Any:
        """The topic as a source of batches."""
        return batch_topic(self.app, self.name(topic), partitions=partitions(self.settings, topic))

    def table(
        self, name: str, topic: Topic, state: Any, meta: Any, render: Render, last: bool = False
    ) -> StateTable[Any, Any]:
        """A table fed by `topic`; see `state_table`."""
        number = partitions(self.settings, topic)
        return state_table(self.app, name, self.name(topic), number, state, meta, render, last)


def group(settings: Settings, role: Role) -> str:
    """Consumer group of a role."""
    return f"{settings.app_id}-{role}"


def changelog_specs(settings: Settings) -> list[TopicSpec]:
    """The changelog topics, one per table."""
    one_per_customer = ["usage", "support", "revenue", "feedback", "account", "spend", "scoring", "alerts"]
    numbers = dict.fromkeys(one_per_customer, settings.partitions)
    numbers |= {"trainer": partitions(settings, OBSERVATIONS), "portfolio": partitions(settings, PORTFOLIO)}
    names = {changelog_name(group(settings, "stream"), name): number for name, number in numbers.items()}
    names[changelog_name(group(settings, "notify"), "delivered")] = settings.partitions
    return [TopicSpec(name, number, CHANGELOG_CONFIG) for name, number in names.items()]


def create_app(settings: Settings, role: Role, clock: Clock | None = None) -> Zelo:
    """The Faust app of a role with its agents.

    Raises:
        ConfigurationError: the profile or a setting cannot work.
    """
    gate = SkewGate([topic_name(settings, topic) for topic in INPUT_TOPICS], settings.max_skew_days * DAY_MS)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    # Only tables care how far topics are apart in time, and only their agents tell how it goes.
    engine_gate = gate if role == "stream" else always_open
    app = engine_app(group(settings, role), engine_settings(settings, role), gate=engine_gate)
    zelo = Zelo(settings, app, clock or SystemClock(), Days(settings.timezone), profile_of(settings), gate)
    for name in ROLES[role]:
        agent: Any = import_module(name)
        agent.register(zelo)
    return zelo


def profile_of(settings: Settings) -> Profile:
    """The policies of the settings.

    Raises:
        ConfigurationError: there is no such profile, or something in it does not hold.
    """
    try:
        return load_profile(settings.profile)
    except ConfigurationError as error:
        raise ConfigurationError(f"ZELO_PROFILE: {str(error).removeprefix('profile: ')}") from error


def engine_settings(settings: Settings, role: Role) -> EngineSettings:
    """Our settings in the engine's words."""
    engine = EngineSettings(
        bootstrap=settings.kafka_bootstrap,
        security=security(settings),
        datadir=settings.data_dir / "faust",
        partitions=settings.partitions,
        replication_factor=settings.replication_factor,
        batch_records=settings.max_poll_records,
        queue_batches=_QUEUE,
        fetch_max_wait_seconds=settings.fetch_wait_seconds,
        commit_interval_seconds=settings.commit_interval_seconds,
        publish_interval_seconds=settings.publish_interval_seconds,
        catch_up_seconds=settings.catch_up_seconds,
        max_skew_seconds=settings.max_skew_days * 86_400.0,
        session_timeout_seconds=settings.session_timeout_seconds,
        # a rebalance waits for the next heartbeat of everybody, and then for the last save
        heartbeat_interval_seconds=min(
            3.0, settings.session_timeout_seconds / 6, settings.rebalance_timeout_seconds / 4
        ),
        rebalance_timeout_seconds=settings.rebalance_timeout_seconds,
        standby_replicas=settings.standby_replicas,
        compression="snappy",
        names=NAMES,
    )
    if role != "notify":
        return engine
    # Few at a time, as each may take a second. One that was posted is committable before the next is in hand.
    return replace(engine, batch_records=_ALERTS, queue_batches=1, catch_up_seconds=0.0)
