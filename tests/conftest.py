"""What all tests share: how Hypothesis looks for counter-examples, and which broker stands behind the tests."""

from collections.abc import Iterator

import kafka_rig
import pytest
from hypothesis import HealthCheck, settings

# No deadline, no complaint about slow data: the machine is often busy with a broker and a worker. Hypothesis'
# own profile `ci` (taken when CI is set) shows the same examples in every run; at home they vary.
settings.register_profile(
    "zelo",
    settings.get_profile(settings.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("zelo")

#: Fixtures of one archive for many tests.
pytest_plugins = ["archive_rig", "reconcile_rig"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--broker", choices=("embedded", "kafka"), default="embedded", help="kafka: Apache Kafka, by scripts/test-kafka"
    )
    parser.addoption("--kill-points", type=int, default=11, help="how often tests/chaos/test_kill_points.py kills")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Leaves one measurement in a process of pytest-xdist.

    pytest-cov (7.1) has begun one there as in the main process, and now begins its own. A test marked `no_cover` pauses
    the second alone, with which the first goes on: the test would take twice as long for nothing.
    """
    measuring = session.config.pluginmanager.getplugin("_cov")
    if measuring is not None and hasattr(session.config, "workerinput"):
        measuring.cov_controller.cov.stop()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the tests, files that may take long come first, so that all end together."""
    if not hasattr(config, "workerinput"):  # pytest-xdist's, in its processes
        return
    longest: dict[object, float] = {}
    for item in items:
        mark = item.get_closest_marker("timeout")
        longest[item.path] = max(longest.get(item.path, 0.0), mark.args[0] if mark else 0.0)
    items.sort(key=lambda item: -longest[item.path])


@pytest.fixture(scope="session", autouse=True)
def broker_under_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Puts one Apache Kafka where tests start the embedded broker, if asked to."""
    if request.config.getoption("--broker") == "embedded":
        yield
        return
    kafka_rig.session = kafka_rig.SessionKafka()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kafka_rig.EmbeddedStack, "_start_broker", kafka_rig.start_shared)
        yield
    kafka_rig.session.end()


@pytest.fixture(scope="module", autouse=True)
def a_broker_is_asked(request: pytest.FixtureRequest, broker_under_test: None) -> Iterator[None]:
    """On Apache Kafka a module that never asks for a broker shows nothing that it did not show on the embedded one."""
    session = kafka_rig.session
    if session is None or any(request.node.get_closest_marker(name) for name in ("kafka", "any_broker")):
        yield
        return
    asked = session.asked
    yield
    assert session.asked > asked, "nothing here asks for a broker: mark it any_broker(why)"
