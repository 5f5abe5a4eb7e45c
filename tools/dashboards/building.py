"""From panels to what Grafana imports: units from the catalogue, places on the page, the builders of Grafana's SDK."""

from __future__ import annotations

import json
from collections.abc import Iterable
from string import ascii_uppercase
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models

from tools.dashboards.panel import Board, Panel

SOURCE = "tacit-prometheus"
"""The id of the data source that is provisioned."""
HEIGHT = 8
_JOINED = {"byField": "Time", "mode": "outer"}
_SUMMED = {"mode": "reduceRow", "reduce": {"reducer": "sum"}, "replaceFields": True}
_UNITS = {"seconds": "s", "bytes": "bytes", "score": "none", "boolean": "none", "ratio": "percentunit", "step": "none"}


def json_of(board: Board) -> str:
    """A dashboard as Grafana reads it, the same text for the same board."""
    return json.dumps(_builder(board).build(), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def unit(panel: Panel) -> str:
    """What Grafana writes behind a panel's values."""
    if panel.per == "all":
        return "percentunit"
    if isinstance(panel.unit_of, str):
        return panel.unit_of
    named = panel.unit_of.unit
    if panel.per:
        return f"suffix: {named}/{'min' if panel.per == 'minute' else 's'}"
    return _UNITS.get(named, f"suffix: {named}")


def _builder(board: Board) -> dashboard.Dashboard:
    built = (
        dashboard.Dashboard(board.title)
        .uid(f"tacit-{board.name}")
        .description(board.says)
        .tags(["tacit", *board.tags])
        .timezone("browser")
        .refresh("10s")
        .time(f"now-{board.since}", "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Tacit")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["tacit"])
            .as_dropdown(as_dropdown=True)
        )
    )
    for number, (panel, place) in enumerate(zip(board.panels, _places(board.panels), strict=True), 1):
        built = built.with_panel(_panel(panel).id(number).grid_pos(place))
    return built


def _places(panels: Iterable[Panel]) -> Iterable[models.GridPos]:
    """Left to right, a new row where the last is full."""
    x = y = 0
    for panel in panels:
        if x + panel.width > 24:
            x, y = 0, y + HEIGHT
        yield models.GridPos(h=HEIGHT, w=panel.width, x=x, y=y)
        x += panel.width


def _panel(panel: Panel) -> Any:
    made: Any = {"timeseries": _lines, "stat": _number, "bargauge": _bars}[panel.kind](panel)
    made = made.title(panel.title).description(panel.says).unit(unit(panel)).no_value("no data")
    made = made.datasource(models.DataSourceRef(type_val="prometheus", uid=SOURCE)).thresholds(_thresholds(panel))
    for letter, query in zip(ascii_uppercase, panel.queries, strict=False):
        asked = prometheus.Dataquery().ref_id(letter).expr(query.expr)
        asked = asked.range() if panel.kind == "timeseries" else asked.instant()
        made = made.with_target(asked.legend_format(query.legend or "__auto"))
    if panel.names:
        options = {str(value): models.ValueMappingResult(text=text) for value, text in panel.names.items()}
        made = made.mappings([models.ValueMap(options=options)])
    if panel.is_summed:
        for name, options in (("joinByField", _JOINED), ("calculateField", {**_SUMMED, "alias": panel.title})):
            made = made.with_transformation(models.DataTransformerConfig(id_val=name, options=options))
    return made


def _lines(panel: Panel) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .line_width(2)
        .fill_opacity(12 if not panel.is_stacked else 60)
        .show_points(shapes.VisibilityMode.NEVER)
        .span_nulls(90_000.0)  # a look or two that went astray leave no hole; a server that was away does
        .legend(
            common.VizLegendOptions()
            .display_mode(shapes.LegendDisplayMode.LIST)
            .placement(shapes.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
    )
    if not any(value < 0 for value, _ in panel.limits):
        made = made.min(0)
    if panel.is_stacked:
        made = made.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL))
    if panel.limits:
        style = common.GraphThresholdsStyleConfig().mode(shapes.GraphTresholdsStyleMode.DASHED)
        made = made.thresholds_style(style)
    return made


def _number(panel: Panel) -> stat.Panel:
    return (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(shapes.BigValueColorMode.BACKGROUND if panel.limits else shapes.BigValueColorMode.VALUE)
        .graph_mode(shapes.BigValueGraphMode.NONE)
        .text_mode(shapes.BigValueTextMode.VALUE_AND_NAME if _is_named(panel) else shapes.BigValueTextMode.VALUE)
    )


def _is_named(panel: Panel) -> bool:
    return len(panel.queries) > 1 or any("{{" in query.legend for query in panel.queries)


def _bars(panel: Panel) -> bargauge.Panel:
    return (
        bargauge.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .orientation(shapes.VizOrientation.HORIZONTAL)
        .display_mode(shapes.BarGaugeDisplayMode.GRADIENT)
        .min(0)
    )


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    negative = panel.limits and panel.limits[0][0] < 0
    base = models.Threshold(value=None, color="red" if negative else "green")
    steps = [models.Threshold(value=value, color=color) for value, color in panel.limits]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps([base, *steps])
