"""Figures of one part of a history, each with its interval."""

from datetime import date

from msgspec import Struct


class Figure(Struct, frozen=True):
    """A figure with its 95 % interval over customers; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


class Figures(Struct, frozen=True):
    """Quality of one model.

    `ratio` is mean predicted over observed, `top_ratio` that of the riskiest tenth, `top_decile` the churners it holds.
    """

    roc_auc: Figure
    pr_auc: Figure
    log_loss: Figure
    brier: Figure
    ece: Figure
    ratio: Figure
    top_decile: Figure
    top_ratio: Figure


class Against(Struct, frozen=True):
    """The model less an opponent: ROC AUC in points, log loss as a share of the opponent's."""

    roc_auc: Figure
    log_loss: Figure


class Part(Struct, frozen=True):
    """A part of the history.

    Attributes:
        since, until: first and last day of its snapshots.
        snapshots, positives: mature ones, and those whose customer was lost within the horizon.
        customers, customers_churned: behind them; the latter are the sample size.
        models: by name, the model first.
        against: the model compared, by opponent.
    """

    since: date
    until: date
    snapshots: int
    positives: int
    customers: int
    customers_churned: int
    models: dict[str, Figures]
    against: dict[str, Against]
