// The search field as a combobox, and where the focus goes.  Everything here is a convenience: without it the same
// links and forms lead to the same pages.
"use strict";

(() => {
  const field = () => document.getElementById("query");
  const suggestions = () => document.getElementById("suggestions");
  const options = () => Array.from(document.querySelectorAll("#suggestions [role=option]"));
  const chosen = () => document.querySelector("#suggestions [aria-selected=true]");

  // Set while Enter was pressed before the answer to the latest letters had come.
  let isWaiting = false;

  function choose(option) {
    for (const each of options()) each.setAttribute("aria-selected", String(each === option));
    if (option) {
      field().setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      field().removeAttribute("aria-activedescendant");
    }
  }

  function move(step) {
    const all = options();
    if (all.length) choose(all[(all.indexOf(chosen()) + step + all.length) % all.length]);
  }

  function close() {
    suggestions().replaceChildren();
    field().setAttribute("aria-expanded", "false");
    choose(null);
    isWaiting = false;
  }

  const isCurrent = () => suggestions().querySelector("#found")?.dataset.prefix === field().value.trim();

  function pick(event) {
    event.preventDefault();
    // Options that have only just arrived are not set up yet; they are picked from in a moment.
    if (isCurrent() && chosen()) chosen().click();
    else isWaiting = field().value.trim() !== "";
  }

  const keys = {
    ArrowDown: (event) => { event.preventDefault(); move(1); },
    ArrowUp: (event) => { event.preventDefault(); move(-1); },
    Enter: pick,
    Escape: () => close(),
    Tab: () => close(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.target === field() && !event.isComposing) keys[event.key]?.(event);
  });

  document.addEventListener("pointerdown", (event) => {
    if (field() && !event.target.closest(".search")) close();
  });

  document.addEventListener("input", (event) => {
    if (event.target === field()) isWaiting = false;
  });

  function dress() {
    const input = field();
    if (!input || input.hasAttribute("role")) return;
    const roles = { role: "combobox", "aria-autocomplete": "list", "aria-controls": "options", "aria-expanded": "false" };
    for (const [name, value] of Object.entries(roles)) input.setAttribute(name, value);
  }

  function showFound() {
    const all = options();
    field().setAttribute("aria-expanded", String(all.length > 0));
    choose(all[0] ?? null);
    const count = all.length ? `${all.length} found` : suggestions().textContent.trim();
    document.getElementById("announcer").textContent = count;
    if (isWaiting) { isWaiting = false; chosen()?.click(); }
  }

  // On a narrow screen the pages stand in a row that scrolls: the one that is shown is in sight.
  function showPage() {
    const pages = document.getElementById("pages");
    const shown = pages?.querySelector("[aria-current]");
    if (shown) pages.scrollLeft = shown.offsetLeft - (pages.clientWidth - shown.offsetWidth) / 2;
  }

  document.addEventListener("htmx:afterSettle", (event) => {
    document.getElementById("offline").hidden = true;
    if (event.target.id === "suggestions") showFound();
    if (event.target.closest("#suggestions")) return;
    dress();
    showPage();
    const results = document.getElementById("results");
    if (results?.getBoundingClientRect().top < 0) results.scrollIntoView();
    // What had the focus is gone with the old page: go on reading where the new list begins.
    if (document.activeElement === document.body) {
      results?.focus({ preventScroll: true });
    }
  });

  document.addEventListener("htmx:sendError", () => { document.getElementById("offline").hidden = false; });

  dress();
  showPage();
})();
