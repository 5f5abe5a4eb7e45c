"""Grafana's dashboards, made from the catalogue of metrics: `python -m tools.dashboards` writes `deploy/grafana`."""
