"""How a page of the console becomes a response: its own templates, and the storefront's rules for what it may load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from tacit.entrypoints.console import wording
from tacit.entrypoints.storefront.assets import Assets, read_assets
from tacit.entrypoints.storefront.rendering import HEADERS, HTMX_CONFIG

PREFIX = "/static/console"

_FILTERS: dict[str, Callable[..., object]] = {
    "number": wording.number,
    "whole": wording.whole,
    "percent": wording.percent,
    "duration": wording.duration,
    "moment": wording.moment,
    "time_of_day": wording.time_of_day,
    "iso": wording.iso,
    "ms_of": wording.ms_of,
    "size": wording.size,
    "plain": wording.plain,
    "tone": wording.tone,
    "coded": wording.coded,
}


@dataclass(frozen=True)
class Renderer:
    """Fills templates.  A value that a template needs and does not get is an error, never an empty place."""

    templates: Environment
    assets: Assets

    def text(self, template: str, **values: object) -> str:
        """A template, filled."""
        return self.templates.get_template(template).render(values)

    def page(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        """The same as a response that no cache keeps: what it says is for who asked."""
        return HTMLResponse(self.text(template, **values), status, {**HEADERS, "Cache-Control": "no-store"})


def new_renderer() -> Renderer:
    """A renderer for the templates that came with the package."""
    assets, shops = read_assets(__package__, PREFIX), read_assets()
    templates = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(asset=assets.address, shop_asset=shops.address, htmx_config=HTMX_CONFIG, dash=wording.DASH)
    templates.filters.update(_FILTERS)
    return Renderer(templates, assets)
