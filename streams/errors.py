"""The tree of our errors: three families by what the caller does.

    ZeloError
    ├── PoisonError          this message can never work: dead letter
    ├── TransientError       again later; carries retry_after_seconds
    └── ConfigurationError   stop at the start; says which setting, what it was, what it must be

A message says what was expected, what came and where (topic, partition, offset, customer).
"""


class ZeloError(Exception):
    """Base of every error Zelo raises on purpose."""


class PoisonError(ZeloError):
    """A message that can never be processed."""


class TransientError(ZeloError):
    """Something outside is not available now.

    Args:
        message: what was tried and what came.
        retry_after_seconds: when to try again.
    """

    def __init__(self, message: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ConfigurationError(ZeloError):
    """A setting or an installation that cannot work; the message says how to mend it."""
