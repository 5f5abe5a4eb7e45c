"""The operator's console: pages under `/console` on which the platform is watched, and acted on by those who may.

How a page is made (the overview is the shortest whole example, `overview.py`):

1. A module of its own, with a class that holds the `ConsolePages` (the *frame*) and the desks it asks, and a function
   `NAME_routes(frame, …) -> APIRouter` that `pages.py` lists.  A page takes an address apart, asks one desk, renders:

   ```python
   def model_routes(frame: ConsolePages, desk: VersionDesk) -> APIRouter:
       pages, router = ModelPages(frame, desk), frame.router()      # prefix /console, errors become pages
       shown(router, "/models", pages.listed)                       # GET, takes operations:read
       acted(router, "/models/{number}/promote", pages.promote)     # POST, takes operations:write
       shown(router, "/access", pages.access, scope="security:admin")
       return router

   class ModelPages:
       def listed(self, request: Request, cursor: str = "") -> Response:
           return self._frame.page(request, "models.html", here="models", versions=…)

       def promote(self, request: Request, number: str, form: Sent) -> Response:
           try:
               self._desk.promote(whole_number(number, "number", "The version"), actor=actor_of(request), …)
           except Refused as refused:                               # what can be mended on the page goes back to it
               return self._frame.refused("/console/models", refused)
           return self._frame.done("/console/models", "Version 3 is the champion.")
   ```

   Handlers are plain functions (they run in the operators' threads); only a stream is `async`.  An act always ends in
   `done` or `refused`: a redirect, and a sentence that the next page says once.  Any other `TacitError` becomes a page
   with its detail and fix.  `form: Sent` (from `forms`) has been checked to come from a page of ours.

2. A template that extends `layout.html` and begins like this; every fact it names must be given (`StrictUndefined`):

   ```jinja
   {% extends "layout.html" %}
   {% import "_parts.html" as parts with context %}
   {% block title %}Models{% endblock %}
   {% block content %}
   {% call parts.header("Models", "What was trained, judged and released.") %}{{ parts.live_dot() }}{% endcall %}
   {% call parts.card("Versions", "The newest first") %}
     {% call parts.table("Versions", ["Version", ("NDCG@10", "num"), "State", ("Acts", "act")]) %}
       <tr><td>…</td><td class="num">…</td><td>{{ parts.badge("champion") }}</td><td class="act">…</td></tr>
     {% endcall %}
   {% endcall %}
   {% endblock %}
   ```

   Always there: `can_operate`, `can_secure` (hide what the caller may not do; the route refuses it anyway), `who`,
   `root`, `now_ms`, `ago(ms)`, `dash`.  Pieces in `_parts.html`: `header card tiles tile table badge facts empty notice
   when field action pager choice bar chart live_dot`.  `action(label, path, id, fields, confirm=…)` is a button, shown
   only to who may act, with a dialog that asks first.  Filters: `number whole percent duration moment size plain tone
   ms_of`.  Classes to lay out with: `grid grid-2 grid-3 grid-aside stack wide row text digest soft num act why`.
   No inline script or style: the policy forbids both.

3. What goes on telling.  A fragment is a template of its own (`_rollout_state.html`), whose one element has an id; the
   page includes it, and names an address as its fact `live`, behind which an `async` route answers

   ```python
   async def live(self, request: Request) -> Response:
       facts = lambda: {"rollout": self._desk.rollout(…)}           # asked every two seconds, in a thread
       return self._frame.stream(request, self._frame.part(request, "rollout", "_rollout.html", facts=facts))
   ```

   Streams are bounded, beat every 15 s, live for five minutes (the browser comes back, and is asked again who it is),
   and end at once when the server leaves.

4. A chart is declared in `tacit.monitoring.charts` over the catalogue of metrics.  A page that shows some gives the
   facts `charts=drawn_all(recent, IDS, range_name)`, `figures=figures_address(range_name)` and, to have them go on,
   adds `feed(recent, IDS, range_name)` to its stream; the template says `{{ parts.chart(charts.traffic) }}`.

The navigation is `navigation.py`; a page belongs to one of its entries (`here=`).
"""
