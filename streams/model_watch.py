"""What the worker that trains the churn model says of it beside the stream: in the log, and on its page.

It also loads what a booster needs, in a thread: the stream would stand still for a third of a second and more. A day
that closes meanwhile waits in pieces, which changes when it is taken and nothing else; not for ever, since a load that
hangs would hold the model back while the worker looks healthy.
"""

from collections.abc import Callable, Iterator, Sequence
from threading import Thread
from time import monotonic

import structlog

from schemas.models import ModelSnapshot
from schemas.scores import Observation, ObservationsClosed
from streams.churn import booster_fit
from streams.churn.ledger import TrainerLedger, TrainerPartition
from streams.churn.news import News, changed_day
from streams.churn.trainer import MODEL_KEY, TrainerMachine
from streams.telemetry import MODEL, ModelVitals

_log = structlog.get_logger(__name__)
_LOOK_SECONDS = 0.005  # a piece of waiting, as long as a piece of work
_LOAD_SECONDS = 60.0  # chosen, a multiple of what a busy machine takes; afterwards whoever needs the library loads it


def is_boosted() -> bool:
    """Whether the extra of the booster is installed; told in the log when it is not."""
    if not booster_fit.installed():
        _log.info("churn_booster_absent", problem="the extra boost is not installed")
        return False
    return True


def load_booster() -> None:
    """Loads the library of the booster; told in the log when it does not work."""
    if (problem := booster_fit.load()) is not None:
        _log.warning("churn_booster_absent", problem=problem)


class Watch:
    """Says in the log, and on the worker's page, what the machine makes of the model.

    Args:
        machine: whose models are watched.
        page: the worker's.
        load: loads the library of a booster, called in a thread as soon as there are labels for one, be it by a worker
            that takes them over; None without one.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        machine: TrainerMachine,
        page: ModelVitals,
        load: Callable[[], None] | None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._machine = machine
        self._page = page
        self._load = load
        self._clock = clock
        self._loading: Thread | None = None
        self._wait_until = 0.0
        self._gave_up = False
        self._news = News()
        self._of: TrainerLedger | None = None

    def step(self, part: TrainerPartition, offset: int, observation: Observation) -> Iterator[None] | None:
        """The machine's; what a table recovered from elsewhere had told before is no news."""
        if part.meta is not self._of:
            self._of, self._news = part.meta, News()
            self._news.of(self._machine.snapshot(part))
            self._load_beside(part)
        if isinstance(observation, ObservationsClosed) and self._is_loading():
            return self._waiting()
        return self._machine.step(part, offset, observation)

    def render(self, part: TrainerPartition, keys: Sequence[str]) -> None:
        """The machine's; people are told what is new."""
        if MODEL_KEY not in keys:
            return
        self._machine.render(part, keys)
        for event, fields in self._news.of(self._machine.snapshot(part)):
            _log.warning(event, **fields)
            self._page.changes += event == "churn_model_changed"
        if self._machine.booster_problem is not None and not self._gave_up:
            self._gave_up = True
            _log.warning("churn_booster_absent", problem=self._machine.booster_problem)
        self._load_beside(part)

    def _load_beside(self, part: TrainerPartition) -> None:
        """Begins to load what a booster needs, once."""
        if self._load is not None and part.meta.learning.boosting.days:
            self._loading = Thread(target=self._load, name="zelo-load-booster", daemon=True)
            self._loading.start()
            self._wait_until = self._clock() + _LOAD_SECONDS
            self._load = None

    def _is_loading(self) -> bool:
        if self._loading is not None and not self._loading.is_alive():
            self._loading = None
        elif self._loading is not None and self._clock() >= self._wait_until:
            self._loading = None
            _log.warning("churn_booster_slow", problem=f"LightGBM was not loaded within {_LOAD_SECONDS:.0f} seconds")
        return self._loading is not None

    def _waiting(self) -> Iterator[None]:
        """Pieces until it is loaded; between them others have their turn."""
        while (loading := self._loading) is not None and self._is_loading():
            loading.join(_LOOK_SECONDS)
            yield

    def show(self, page: ModelVitals, parts: Sequence[TrainerPartition]) -> None:
        """Puts the model on the page as it is, recovered or learned here; none when another worker trains."""
        for figure in MODEL:
            if figure.kind == "gauge":
                setattr(page, figure.field, None)
        for part in parts:
            _show(self._machine.snapshot(part), page)


def _show(snapshot: ModelSnapshot, page: ModelVitals) -> None:
    page.trained_through = None if snapshot.trained_through < 0 else snapshot.trained_through
    page.is_prior = snapshot.is_prior
    page.drift_alarms, page.examples_refused = snapshot.drift.count, snapshot.counts["refused"]
    page.drift_day = snapshot.drift.alarms[-1].day if snapshot.drift.alarms else None
    page.changed_day = changed_day(snapshot.changes)
    if snapshot.weeks:
        page.log_loss_ratio = snapshot.weeks[-1].log_loss / snapshot.weeks[-1].log_loss_constant
