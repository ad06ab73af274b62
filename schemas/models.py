"""Published churn models (`models.v1`): everything a scorer needs, how good it has been, what was decided about it."""

from typing import Any, Literal

from msgspec import Struct

from schemas.portfolio import PORTFOLIO

ModelKind = Literal["rls", "twin", "adagrad", "booster"]
ModelChangeKind = Literal[
    "promotion", "rollback", "calibration_on", "calibration_off", "booster_better", "horizon_changed"
]
DriftDirection = Literal["more_leave", "fewer_leave"]


class Quality(Struct, frozen=True, kw_only=True):
    """Test-then-train quality on mature labels; None until both classes were seen.

    Attributes:
        observations: snapshots scored; labelled: those whose label is known; positives: of these, churned.
        customers_churned: distinct customers behind the positives, the honest sample size.
        log_loss_constant: what a constant guess of the running base rate scores.
        ece: expected calibration error over 15 bins of equal mass, probability.
        pr_auc: average precision; brier: mean squared error.
        top_decile_recall: share of the churned among the riskiest tenth of the snapshots.
    """

    observations: int = 0
    labelled: int = 0
    positives: int = 0
    customers_churned: int = 0
    roc_auc: float | None = None
    log_loss: float | None = None
    log_loss_constant: float | None = None
    mean_predicted: float | None = None
    mean_observed: float | None = None
    ece: float | None = None
    pr_auc: float | None = None
    brier: float | None = None
    top_decile_recall: float | None = None


class ReliabilityBin(Struct, frozen=True, kw_only=True):
    """`n` mature snapshots of neighbouring risk: the mean probability given, and the share that churned."""

    n: int
    predicted: float
    observed: float


class WeekQuality(Struct, frozen=True, kw_only=True):
    """Quality of the labels that matured in the week of Monday `day`; `roc_auc` None without both classes."""

    day: int
    labelled: int
    positives: int
    log_loss: float
    log_loss_constant: float
    mean_predicted: float
    mean_observed: float
    roc_auc: float | None = None


class Calibration(Struct, frozen=True, kw_only=True):
    """Online Platt scaling: served log-odds = slope * raw log-odds + intercept while `on`, dormant otherwise.

    Attributes:
        since_day: of the last switch, None while there was none.
        slope, intercept: as learned so far, told while dormant too.
        labels: newest mature labels looked at; ratio: mean predicted / observed there, before any calibration.
    """

    on: bool = False
    since_day: int | None = None
    slope: float = 1.0
    intercept: float = 0.0
    labels: int = 0
    ratio: float | None = None


class DriftAlarm(Struct, frozen=True, kw_only=True):
    """The mean of label - predicted changed, seen on `day`.

    Attributes:
        before, after: the mean over the older labels and over the `labels` newest that were kept.
    """

    day: int
    direction: DriftDirection
    before: float
    after: float
    labels: int


class Drift(Struct, frozen=True, kw_only=True):
    """What the drift detector saw.

    Attributes:
        alarms: the last 20; count: all there ever were.
        muted_until_day: no alarm is raised before it; None before the first mature label of what serves.
        labels: in the detector's window; residual: mean of label - predicted there.
    """

    alarms: list[DriftAlarm] = []
    count: int = 0
    muted_until_day: int | None = None
    labels: int = 0
    residual: float | None = None


class Challenger(Struct, frozen=True, kw_only=True):
    """A model that learns beside the champion.

    Attributes:
        since_day: learns since the end of that day.
        labelled: mature labels both were tested on since the last change; log_loss, champion_log_loss: there.
        weeks_better: judged weeks in a row in which it was better by the margin of promotion.
    """

    name: str
    kind: ModelKind
    since_day: int
    labelled: int = 0
    log_loss: float | None = None
    champion_log_loss: float | None = None
    weeks_better: int = 0


class ModelChange(Struct, frozen=True, kw_only=True):
    """What serves changed with `day`: `before` and `after` name models, `figures` what the rule saw.

    `booster_better` alone changes nothing: `after` was better than `before`, which goes on serving. With
    `horizon_changed` the models began anew at the prior, for a window of `days` in place of `days_before`.
    """

    day: int
    kind: ModelChangeKind
    before: str
    after: str
    figures: dict[str, float] = {}


class Served(Struct, frozen=True, kw_only=True):
    """What served when the snapshots of `day` were tested: log-odds, after calibration.

    Attributes:
        intercept: of the typical customer; weights: by feature, per spread.
    """

    day: int
    intercept: float
    weights: dict[str, float]


class ModelSnapshot(Struct, frozen=True, kw_only=True):
    """A published model: everything a scorer needs, as plain JSON, and how good it has been.

    Attributes:
        model: the seat; `champion` names who sits in it, since `champion_since_day` (None: always).
        model_version: rises with every day learned that changed the model.
        trained_through: last day whose labels are in.
        parameters: the model's own state (feature order, constants, weights), before calibration.
        reliability: 15 bins of equal mass, low risk first.
        weeks: the last 26 in which labels matured; changes: the last 20.
        horizons: days for which probabilities are told besides.
        counts: examples by what became of them.
        tested: what served on the two newest days with snapshots, newest first.
    """

    model: str
    model_version: int
    trained_through: int
    horizon_days: int
    is_prior: bool
    quality: Quality
    parameters: dict[str, Any]
    river_version: str
    version: int = 0
    champion: str = "rls"
    champion_kind: ModelKind = "rls"
    champion_since_day: int | None = None
    calibration: Calibration = Calibration()
    reliability: list[ReliabilityBin] = []
    weeks: list[WeekQuality] = []
    drift: Drift = Drift()
    challengers: list[Challenger] = []
    changes: list[ModelChange] = []
    horizons: list[int] = []
    counts: dict[str, int] = {}
    tested: list[Served] = []


class ModelValues(Struct, frozen=True, kw_only=True):
    """How good the churn model has been, at the end of a day on which labels matured (docs/metrics.md, churn.md).

    Over all mature labels of the model's life; `week_*` over those of the day's week, from Monday on. None is "not
    defined yet". What the model is comes last.
    """

    labelled: int
    positives: int
    customers_churned: int
    roc_auc: float | None = None
    pr_auc: float | None = None
    log_loss: float | None = None
    log_loss_constant: float | None = None
    brier: float | None = None
    ece: float | None = None
    mean_predicted: float | None = None
    mean_observed: float | None = None
    predicted_to_observed: float | None = None
    top_decile_recall: float | None = None
    week_labelled: int
    week_positives: int
    week_roc_auc: float | None = None
    week_log_loss: float
    week_log_loss_constant: float
    week_mean_predicted: float
    week_mean_observed: float
    is_prior: bool
    model_version: int
    champion: str
    champion_since_day: int | None = None
    calibrated: bool
    drift_alarms: int
    drift_alarm_day: int | None = None
    drift_direction: DriftDirection | None = None
    changed_day: int | None = None


class ModelFigures(Struct, frozen=True, kw_only=True, tag="model_quality"):
    """The figures of the churn model at the end of a day on which labels matured: once a week.

    Attributes:
        portfolio: `_portfolio`, as it is judged by all customers; also the record's key.
        model: the seat, as in `ModelSnapshot`.
        as_of: the day's end, epoch ms.
        revision: 0, for a mature label is final; the greatest holds.
        version: offset in `observations.v1` of the newest record included.
    """

    model: str
    as_of: int
    day: int
    values: ModelValues
    portfolio: str = PORTFOLIO
    revision: int = 0
    version: int = 0
