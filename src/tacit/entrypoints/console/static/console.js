// What keeps a page of the console told, and its dialogs.  Without it the same pages and forms say and do the same; they
// only have to be loaded anew.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const main = () => byId("main");
  let stream = null;
  let heardAt = 0;
  let mounts = 0;

  function say(state, text) {
    const live = byId("live");
    if (!live) return;
    live.dataset.state = state;
    live.querySelector(".said").textContent = text;
  }

  function heard() {
    heardAt = Date.now();
    say("on", "live");
    byId("offline").hidden = true;
  }

  // A part of the page in its new form; what has the focus, or is open, stays as it is.
  function takePart({ id, html }) {
    const old = byId(id);
    if (!old || old.contains(document.querySelector("dialog[open]"))) return;
    if (html.includes("<form") && old.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) return;
    const settings = { callbacks: { beforeAttributeUpdated: (name, node) => !(name === "open" && node.localName === "details") } };
    window.Idiomorph.morph(old, html, settings);
    window.htmx.process(byId(id) ?? main());
  }

  function takeLog({ id, text, anew }) {
    const log = byId(id);
    if (!log) return;
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    if (anew) log.textContent = "";
    log.append(text);
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  }

  function listen() {
    const address = main()?.dataset.live;
    if (!address || document.hidden) return;
    const url = new URL(address, location.href);
    const since = window.charts.latest();
    if (since) url.searchParams.set("since", String(since));
    stream = new EventSource(url);
    const take = (name, act) => stream.addEventListener(name, (event) => { heard(); act(JSON.parse(event.data)); });
    stream.addEventListener("open", heard);
    take("part", takePart);
    take("figures", (told) => window.charts.take(told));
    take("log", takeLog);
    take("over", () => { hush(); say("still", "at its end"); });
    take("trouble", ({ detail }) => say("lost", detail));
    stream.addEventListener("error", () => {
      say("lost", stream?.readyState === EventSource.CLOSED ? "not live: load the page anew" : "reconnecting …");
      if (heardAt && Date.now() - heardAt > 10_000) byId("offline").hidden = false;
    });
  }

  function hush() {
    stream?.close();
    stream = null;
  }

  async function mount() {
    hush();
    if (!main()) return;
    mounts += 1;
    const mine = mounts;
    await window.charts.mount(main());
    // Another page may have come while this one's figures did.
    if (mine === mounts) listen();
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    const closer = event.target.closest("[data-closes]");
    if (opener) byId(opener.dataset.opens)?.showModal();
    if (closer) byId(closer.dataset.closes)?.close();
    if (event.target.localName === "dialog" && event.target.open && isOutside(event)) event.target.close();
    if (event.target.closest(".rail a") && byId("rail").matches(":popover-open")) byId("rail").hidePopover();
  });

  function isOutside({ target, clientX, clientY }) {
    const box = target.getBoundingClientRect();
    return clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom;
  }

  // A box in the head of a table that ticks all of its rows.
  document.addEventListener("change", (event) => {
    const group = event.target.dataset?.ticks;
    if (!group) return;
    for (const box of document.querySelectorAll(`input[name="${group}"]`)) box.checked = event.target.checked;
  });

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { hush(); say("still", "paused"); } else if (!stream) mount();
  });
  window.addEventListener("pagehide", hush);
  document.addEventListener("htmx:sendError", () => { byId("offline").hidden = false; });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.id === "main") { hush(); window.charts.unmount(); }
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id !== "main") return;
    if (document.activeElement === document.body) main().focus({ preventScroll: true });
    mount();
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mount); else mount();
})();
