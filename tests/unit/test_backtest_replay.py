"""Two profiles over a few events: what differs between the policies differs in the bands, all else is shared."""

from backtest_samples import PARTITIONS, START, used
from msgspec.structs import replace

from streams.backtest.replay import Replay
from streams.metrics.days import DAY_MS, Days
from streams.metrics.domain import TimePolicy
from streams.metrics.profile import Profile, load_profile
from streams.offline import Input

DEFAULT = load_profile("default")
RECORDS = used(("a", day * DAY_MS) for day in range(30))


def replayed(*profiles: Profile, spoilt: tuple[Input, ...] = ()) -> Replay:
    replay = Replay(profiles, PARTITIONS, TimePolicy(), Days(), START + 100 * DAY_MS)
    replay.feed([*spoilt, *RECORDS])
    return replay


def scores(replay: Replay) -> list[float | None]:
    return [track.standing["a"].score for track in replay.tracks]


def test_a_policy_of_a_fold_changes_the_scores_of_its_own_profile_alone() -> None:
    demanding = replace(DEFAULT, name="demanding", engagement=replace(DEFAULT.engagement, uses_full_per_day=1000.0))
    (alone,) = scores(replayed(DEFAULT))
    (other,) = scores(replayed(demanding))
    assert alone != other
    assert scores(replayed(DEFAULT, demanding)) == [alone, other]
    assert scores(replayed(DEFAULT, demanding, DEFAULT, demanding)) == [alone, other, alone, other]


def test_what_cannot_be_read_is_counted_and_changes_nothing() -> None:
    spoilt = Input("usage.v1", 0, b"a", b"no event"), Input("billing.v1", 1, b"a", None)
    replay = replayed(DEFAULT, spoilt=spoilt)
    assert replay.unread == 2
    assert replay.events == replayed(DEFAULT).events + 2
    assert scores(replay) == scores(replayed(DEFAULT))


def test_the_future_is_not_taken() -> None:
    replay = Replay((DEFAULT,), PARTITIONS, TimePolicy(), Days(), START)
    replay.feed(RECORDS)
    assert replay.unread > 0
    assert max(replay.tracks[0].bands) < START // DAY_MS + 3
