// Two comforts, nothing that a page needs: it stays fresh by itself, and it can be used from the keyboard.
"use strict";
(() => {
  const root = document.documentElement;
  const main = () => document.querySelector("main[data-live]");
  root.classList.add("has-keys");

  // A page that somebody is typing into, or has opened a form on, is left alone.
  const isBusy = () => {
    const page = main();
    if (!page || document.querySelector("dialog[open]")) return true;
    if (page.querySelector("details.verb-more[open], .gate > .verbs > form.fill")) return true;
    return page.contains(document.activeElement) && /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  };

  let isStale = false;
  let isLoading = false;
  const refresh = async () => {
    if (isLoading || document.hidden || isBusy()) { isStale = true; return; }
    isLoading = true;
    isStale = false;
    try {
      // With its notice: what was just done stays told until somebody goes elsewhere.
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.redirected || !answer.ok) { location.reload(); return; }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const now = main();
      const next = fresh.querySelector("main[data-live]");
      if (!now || !next || isBusy()) { isStale = true; return; }
      const open = [...now.querySelectorAll("details")].map((details) => details.open);
      const chosenId = chosen()?.id;
      now.replaceChildren(...next.childNodes);
      // What was folded or unfolded stays so while the page has the same folds.
      const folds = [...now.querySelectorAll("details")];
      if (folds.length === open.length) folds.forEach((details, place) => { details.open = open[place]; });
      if (chosenId) document.getElementById(chosenId)?.classList.add("is-chosen");
      for (const part of ["header.bar nav", "footer.foot"]) {
        const old = document.querySelector(part);
        const fromNext = fresh.querySelector(part);
        if (old && fromNext && !old.contains(document.activeElement)) old.replaceWith(fromNext);
      }
    } catch { isStale = true; } finally { isLoading = false; }
  };

  if (main() && "EventSource" in window) {
    let timer = 0;
    const soon = () => { clearTimeout(timer); timer = setTimeout(refresh, 150); };
    const events = new EventSource("/events");
    events.addEventListener("change", soon);
    events.addEventListener("reload", soon);
    document.addEventListener("visibilitychange", () => { if (!document.hidden && isStale) soon(); });
    document.addEventListener("focusout", () => { if (isStale) soon(); });
    document.addEventListener("toggle", () => { if (isStale) soon(); }, true);
    // Times are told as distances: they grow old even where nothing happens.
    setInterval(soon, 60000);
  }

  const rows = () => [...document.querySelectorAll("[data-card], [data-row]")];
  const chosen = () => document.querySelector(".is-chosen");
  const choose = (step) => {
    const all = rows();
    if (!all.length) return;
    const place = all.indexOf(chosen());
    const next = all[Math.max(0, Math.min(all.length - 1, place < 0 ? 0 : place + step))];
    chosen()?.classList.remove("is-chosen");
    next.classList.add("is-chosen");
    next.querySelector("h1 , h3 a, th a, h2 a, a")?.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };
  const press = (key) => {
    const scope = chosen() ?? (rows().length === 1 ? rows()[0] : document.querySelector("main"));
    const target = scope?.querySelector(`[data-key="${key}"]`);
    if (!target) return;
    if (target.tagName === "SUMMARY") {
      target.parentElement.open = true;
      target.parentElement.querySelector("textarea, input:not([type=hidden])")?.focus();
    } else {
      // A key only brings the button up; a second press, Enter, decides.
      target.focus();
    }
  };
  const help = () => {
    let dialog = document.querySelector("dialog.keys");
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.className = "keys";
      dialog.setAttribute("aria-label", "Keys");
      dialog.innerHTML = "<h2>Keys</h2><dl><dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>next, previous</dd><dt><kbd>a</kbd></dt><dd>go to Approve; Enter decides</dd>" +
        "<dt><kbd>e</kbd></dt><dd>edit, then approve</dd><dt><kbd>d</kbd></dt><dd>deny, with a reason</dd><dt><kbd>g</kbd></dt><dd>Today</dd><dt><kbd>?</kbd></dt><dd>these keys</dd></dl>" +
        "<form method=dialog><button autofocus>Close</button></form>";
      document.body.append(dialog);
    }
    if (!dialog.open) dialog.showModal();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || document.querySelector("dialog[open]")) return;
    const act = { j: () => choose(1), k: () => choose(-1), a: () => press("a"), e: () => press("e"), d: () => press("d"), g: () => { location.href = "/"; }, "?": help }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
})();
