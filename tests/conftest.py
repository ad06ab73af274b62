"""What all tests share: how Hypothesis looks for counter-examples."""

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
