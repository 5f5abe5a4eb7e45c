"""How a page becomes a response: templates that escape everything, and headers that allow only our own files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from tacit.entrypoints.storefront.assets import Assets
from tacit.entrypoints.storefront.covers import SIZE, draw_cover

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""What a page may load and do: nothing inline, nothing from elsewhere."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Vary": "HX-Request",
}

HTMX_CONFIG = json.dumps(
    {
        "allowEval": False,
        "allowScriptTags": False,
        "includeIndicatorStyles": False,
        "selfRequestsOnly": True,
        # The address is the state: going back asks the server instead of keeping what was shown in the browser.
        "historyCacheSize": 0,
        "refreshOnHistoryMiss": True,
        "scrollIntoViewOnBoost": False,
        # Nothing is animated in, so what has arrived is ready at once.
        "defaultSettleDelay": 0,
        # A refusal is a page too.
        "responseHandling": [{"code": "204", "swap": False}, {"code": "...", "swap": True}],
    }
)


@dataclass(frozen=True)
class Renderer:
    """Fills templates.  A value that a template needs and does not get is an error, never an empty place."""

    templates: Environment

    def page(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        return HTMLResponse(self.templates.get_template(template).render(values), status, dict(HEADERS))


def new_renderer(assets: Assets) -> Renderer:
    """A renderer for the templates that came with the package."""
    templates = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(asset=assets.address, draw_cover=draw_cover, cover_size=SIZE, htmx_config=HTMX_CONFIG)
    return Renderer(templates)
