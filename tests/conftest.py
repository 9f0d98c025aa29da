"""For all tests.  Nothing is asserted about time: a busy machine must not fail a property test."""

from hypothesis import HealthCheck, settings

settings.register_profile("finis", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("finis")
