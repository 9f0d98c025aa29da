"""For all tests.  Nothing is asserted about time: a busy machine must not fail a property test."""

from hypothesis import settings

settings.register_profile("finis", deadline=None)
settings.load_profile("finis")
