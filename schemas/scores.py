"""Scores and what they are made of: health, churn risk, upsell readiness (`scores.*`), observations."""

from typing import Literal

from msgspec import Struct

from schemas.metrics import NpsAnswer
from schemas.models import Quality

Band = Literal["red", "yellow", "green", "unknown"]
FactorName = Literal["engagement", "adoption", "activation", "support", "relationship", "billing", "value", "trend"]

ComponentName = Literal["features", "engagement", "tenure", "seats"]
UpsellGate = Literal["payment_late", "not_paying"]

CensorReason = Literal["deleted", "merged", "test"]


class Factor(Struct, frozen=True, kw_only=True):
    """One factor's part of a health score.

    Attributes:
        value: 0-100, 100 is good; None without fresh data, the weight is then spread over the others.
        weight: effective share of the score, sums to 1 over the factors with data.
        earned, missed: points of the score won and lost here: weight * value, weight * (100 - value).
        change: earned minus earned in the previous score.
        evidence: the metric values behind it, by METRICS.md id.
    """

    factor: FactorName
    value: float | None
    weight: float
    earned: float
    missed: float
    change: float | None = None
    evidence: dict[str, float | int | str | None] = {}


class Lift(Struct, frozen=True, kw_only=True):
    """The smallest change of one factor that would reach the next better band."""

    factor: FactorName
    value_from: float
    value_to: float
    band: Band


class HealthScore(Struct, frozen=True, kw_only=True):
    """Health of a customer, 0-100, 100 is good, with what it was made of.

    Attributes:
        kind: `live` newest; `day` the aligned daily score (ARCHITECTURE.md, time is aligned across topics).
        band: by the profile's limits with hysteresis against the last daily band; `unknown` under its coverage.
        previous_score, previous_band: of the last aligned day before `as_of`.
        coverage: share of the profile's weight that has fresh data, [0, 1].
        trigger_event_id: newest event included.
        answer: newest NPS answer.
        answers: `recent_nps` of the feedback values, for those who act on every answer.
        version: offset in `metrics.v1` of the newest value included.
        figures: of daily scores, what the profile's own alert rules look at, by `DOMAIN.ID`; `stage` is that of the
            journey.
        newest: a daily score that is the newest one, too: no live score repeats it, one follows when a value changes.
    """

    customer_id: str
    kind: Literal["live", "day"]
    as_of: int
    day: int
    score: float | None
    band: Band
    previous_score: float | None
    previous_band: Band | None
    coverage: float
    profile: str
    factors: list[Factor]
    lift: Lift | None = None
    trigger_event_id: str | None = None
    name: str | None = None
    owner: str | None = None
    locale: str | None = None
    segment: str | None = None
    mrr_minor: int = 0
    currency: str | None = None
    paying: bool = False
    answer: NpsAnswer | None = None
    answers: list[NpsAnswer] = []
    version: int = 0
    figures: dict[str, bool | int | float | str | None] = {}
    newest: bool = False


class Reason(Struct, frozen=True, kw_only=True):
    """Why a churn probability is high or low: an additive contribution in log-odds and its numbers.

    Attributes:
        code: reason text in the catalogue, e.g. `usage_falling`.
        contribution: log-odds added (raising > 0); odds ratio = exp(contribution).
        values: numbers for the text, by METRICS.md id.
        text: the same in words, in the score's `locale`; it says what goes with the risk, not what causes it.
    """

    code: str
    family: str
    contribution: float
    odds_ratio: float
    values: dict[str, float | int | None] = {}
    text: str = ""


class ChurnScore(Struct, frozen=True, kw_only=True):
    """Probability that the customer's last subscription ends within the horizon.

    Attributes:
        is_prior: the model has seen too few labels, and the number rests on the expert prior.
        horizons: probability by days, the `horizon_days` one among them.
        calibrated: the probability was corrected by the model's calibration.
        champion: name of the model that serves.
        baseline: log-odds of the typical customer.
        contributions: log-odds that each family of features adds; with `baseline` they sum to the log-odds of
            `probability` (before it is kept off 0 and 1).
        previous_day: of the customer's last weekly snapshot before this day; None before there was one.
        previous_probability: given to that snapshot, by the model as it was then.
        changed_by_customer, changed_by_model: log-odds, likewise; they sum to the change since then.
        changes: `changed_by_customer` by family.
        locale: language of the reasons' texts.
    """

    customer_id: str
    as_of: int
    horizon_days: int
    probability: float
    band: Literal["low", "medium", "high"]
    raising: list[Reason]
    protecting: list[Reason]
    no_data: list[str]
    model: str
    model_version: int
    is_prior: bool
    quality: Quality
    mrr_minor: int = 0
    currency: str | None = None
    name: str | None = None
    trigger_event_id: str | None = None
    version: int = 0
    horizons: dict[str, float] = {}
    calibrated: bool = False
    champion: str = "rls"
    baseline: float | None = None
    contributions: dict[str, float] = {}
    previous_day: int | None = None
    previous_probability: float | None = None
    changed_by_customer: float | None = None
    changed_by_model: float | None = None
    changes: dict[str, float] = {}
    owner: str | None = None
    segment: str | None = None
    locale: str | None = None


class UpsellComponent(Struct, frozen=True, kw_only=True):
    """One component's part of upsell readiness.

    Attributes:
        value: 0-100; None without data, the weight is then spread over the others.
        weight: effective share of the readiness, sums to 1 over the components with data.
        earned: points won here; they sum to the readiness, and are 0 behind a closed gate.
        evidence: the metric values behind it, by METRICS.md id.
    """

    component: ComponentName
    value: float | None
    weight: float
    earned: float
    evidence: dict[str, float | int | str | None] = {}


class UpsellScore(Struct, frozen=True, kw_only=True):
    """How ready a customer is to buy more at the end of a day, and the figures that join two domains.

    Attributes:
        upsell_ready: 0-100; 0 behind a closed gate; None while too little is known.
        gate: why the customer is not to be asked, None when nothing stands against it.
        coverage: share of the profile's weight that has data, [0, 1].
        license_utilization: active users of 28 days per seat bought.
        tickets_per_active_user_28d: tickets opened in 28 days per active user of them.
        time_to_activate_days: from the start to activation.
        version: offset in `metrics.v1` of the newest value included.
        plan_adoption: features used in 28 days / those the customer's plan offers, else all there are; at most 1.
    """

    customer_id: str
    as_of: int
    day: int
    upsell_ready: float | None
    gate: UpsellGate | None
    coverage: float
    profile: str
    components: list[UpsellComponent]
    license_utilization: float | None = None
    tickets_per_active_user_28d: float | None = None
    time_to_activate_days: float | None = None
    trigger_event_id: str | None = None
    name: str | None = None
    owner: str | None = None
    segment: str | None = None
    mrr_minor: int = 0
    currency: str | None = None
    version: int = 0
    plan_adoption: float | None = None


class Snapshot(Struct, frozen=True, kw_only=True, tag="snapshot"):
    """Features of a paying customer at the end of `day`, frozen there: nothing later may change them."""

    customer_id: str
    day: int
    features: dict[str, float]
    version: int = 0


class Outcome(Struct, frozen=True, kw_only=True, tag="outcome"):
    """The customer was lost on `day`: it gave notice, or its last subscription ended without one."""

    customer_id: str
    day: int
    version: int = 0


class ObservationsClosed(Struct, frozen=True, kw_only=True, tag="observations_closed"):
    """Scoring partition `partition` has published everything of `day`."""

    partition: int
    day: int
    version: int = 0


class Labelled(Struct, frozen=True, kw_only=True, tag="labelled"):
    """A snapshot with the probability given at the time and the label, known `labelled_day`.

    Attributes:
        churned: None takes a label back that was told: the customer turned out to be none.
    """

    customer_id: str
    day: int
    features: dict[str, float]
    probability: float
    churned: bool | None
    labelled_day: int
    model_version: int
    version: int = 0


class Censored(Struct, frozen=True, kw_only=True, tag="censored"):
    """From `day` on nothing can be said of the customer: of its snapshots those without a mature label never count."""

    customer_id: str
    day: int
    reason: CensorReason
    version: int = 0


Observation = Snapshot | Outcome | ObservationsClosed | Labelled | Censored
