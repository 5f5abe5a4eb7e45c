"""The one place where interfaces meet adapters: settings in, the wired platform out.

Drivers and whatever else takes long to import are imported by the function that needs them, so that a door that only
reads the settings opens at once.
"""

from tacit.bootstrap.app import MODEL, App
from tacit.bootstrap.serving import Serving, serving, serving_lock, serving_process
from tacit.bootstrap.wiring import build, reach_database
from tacit.settings import Settings, SettingsInForce, check_told, load_settings

__all__ = [
    "MODEL",
    "App",
    "Serving",
    "Settings",
    "SettingsInForce",
    "build",
    "check_told",
    "load_settings",
    "reach_database",
    "serving",
    "serving_lock",
    "serving_process",
]
