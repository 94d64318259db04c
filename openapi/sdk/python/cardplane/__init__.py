"""The Python client of Cardplane's public API."""

from .client import DEFAULT_ENDPOINT, Cardplane, Output
from .errors import CardplaneError

__all__ = ["DEFAULT_ENDPOINT", "Cardplane", "CardplaneError", "Output"]
