"""The exceptions that only this room raises."""


class UnsupportedLayerError(ValueError):
    """A model has a layer, or a use of a layer, that the export does not know."""


class MultiplicationFound(AssertionError):
    """A file that should be free of multiplications has some, or has an operator not known."""


class BudgetExceeded(ValueError):
    """A network needs more memory than it may take."""
