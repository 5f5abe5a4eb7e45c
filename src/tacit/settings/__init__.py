"""Every choice an operator can make: read once, checked whole, handed down as values."""

from tacit.settings.loading import ENV_PREFIX, FOREIGN_VARIABLES, Origin, SettingsInForce, known_keys, load_settings
from tacit.settings.secret_values import check_told
from tacit.settings.tree import Als, Settings

__all__ = [
    "ENV_PREFIX",
    "FOREIGN_VARIABLES",
    "Als",
    "Origin",
    "Settings",
    "SettingsInForce",
    "check_told",
    "known_keys",
    "load_settings",
]
