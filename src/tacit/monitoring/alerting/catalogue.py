"""Every rule of an installation, from what it chose."""

from __future__ import annotations

from tacit.monitoring.alerting.capacity_alerts import capacity_alerts
from tacit.monitoring.alerting.choices import AlertChoices
from tacit.monitoring.alerting.data_alerts import data_alerts
from tacit.monitoring.alerting.model_alerts import model_alerts
from tacit.monitoring.alerting.rules import AlertRule
from tacit.monitoring.alerting.security_alerts import security_alerts
from tacit.monitoring.alerting.service_alerts import service_alerts
from tacit.monitoring.alerting.watch_alerts import watch_alerts


def alert_rules(choices: AlertChoices) -> tuple[AlertRule, ...]:
    """Every alert; what it says of thresholds and owners is what was chosen."""
    return (
        *service_alerts(choices),
        *data_alerts(choices),
        *model_alerts(choices),
        *security_alerts(choices),
        *capacity_alerts(choices),
        *watch_alerts(choices),
    )
