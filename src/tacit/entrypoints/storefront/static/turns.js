// Who takes the place of `#main`, one at a time.  A link goes before the one that was followed before it; an act (a form
// that is posted) is never given up: acts are sent one after another, and what was asked for last is what is shown.
"use strict";

(() => {
  const main = () => document.getElementById("main");
  const isMain = (target) => target?.id === "main";
  // What is under way for `#main`: its request, the element that asked, and the act if it is one.
  let current = null;
  // Acts that wait for their turn, and the link that is followed after them.
  let acts = [];
  let link = null;
  // The act that is about to be sent; and whether one that waited is handed on, which htmx asks about again.
  let begun = null;
  let isHanding = false;
  let isMissed = false;

  function wishOf({ elt, verb, path, triggeringEvent }) {
    const isForm = elt.localName === "form";
    const button = isForm ? triggeringEvent?.submitter ?? null : null;
    // As it was sent: the page may be another one when its turn comes.
    return { elt, verb, path, button, said: isForm ? new FormData(elt, button) : undefined };
  }

  const isSame = (one, other) => one.elt === other.elt && one.button === other.button;

  document.addEventListener("htmx:confirm", (event) => {
    const { detail } = event;
    if (!isMain(detail.target) || isHanding) return;
    const wish = wishOf(detail);
    const isAct = wish.verb !== "get";
    if (current?.act) {
      event.preventDefault();
      if (!isAct) link = wish;
      else if (![current.act, ...acts].some((each) => isSame(each, wish))) { acts.push(wish); link = null; }
    } else if (current?.elt === wish.elt) {
      // One element asks one thing at a time: a link for what is coming already, a form for something else perhaps.
      if (wish.said) current.xhr.abort(); else event.preventDefault();
    }
    begun = isAct ? wish : null;
  });

  document.addEventListener("htmx:beforeSend", ({ detail: { xhr, target, requestConfig } }) => {
    if (!isMain(target)) {
      target.addEventListener("htmx:beforeSwap", dropIfGone);
      return;
    }
    const act = requestConfig.verb === "get" ? null : begun;
    current = { xhr, act, elt: requestConfig.elt };
    document.documentElement.toggleAttribute("data-busy", true);
    xhr.addEventListener("error", () => { isMissed ||= act !== null; });
    xhr.addEventListener("loadend", () => { if (current?.xhr === xhr) goOn(); });
  });

  // A part of a page means nothing, and names no address, once the page is another one.
  function dropIfGone({ target, detail }) {
    if (!target.isConnected) detail.shouldSwap = false;
  }

  function goOn() {
    current = null;
    const next = acts.shift() ?? link;
    if (next === link) link = null;
    if (next) ask(next);
    document.documentElement.toggleAttribute("data-busy", current !== null);
  }

  function ask(wish) {
    begun = wish;
    isHanding = true;
    window.htmx.ajax(wish.verb, wish.path, { source: main(), values: wish.said, push: "true" }).catch(() => {});
    isHanding = false;
  }

  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (!isMain(detail.target)) return;
    if (detail.xhr === current?.xhr && !acts.length && !link) return;
    detail.shouldSwap = false;
    isMissed ||= current?.act != null && detail.xhr === current.xhr && detail.xhr.status >= 400;
  });

  // A refusal that nobody saw, for something else was asked for since, is told beside that.
  document.addEventListener("htmx:afterSettle", ({ target }) => {
    if (!isMain(target)) return;
    document.getElementById("missed").hidden = !isMissed;
    isMissed = false;
  });

  // Whoever leaves the page meanwhile leaves behind what they did.
  window.addEventListener("pagehide", () => {
    for (const { path, said } of acts) navigator.sendBeacon(path, new URLSearchParams(said));
    acts = [];
  });
})();
