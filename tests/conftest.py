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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--broker", choices=("embedded", "kafka"), default="embedded", help="kafka: Apache Kafka, by scripts/test-kafka"
    )
    parser.addoption("--kill-points", type=int, default=11, help="how often tests/chaos/test_kill_points.py kills")


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
