"""What the codec raises."""


class SchemaError(ValueError):
    """A message that can never be read: what was expected, what came, at which field."""
