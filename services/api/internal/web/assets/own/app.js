// What pages do in the browser beside links and forms. Each part works on what it finds by data attributes, also in what htmx brings.
(function () {
  "use strict";
  const $ = (selector, at) => Array.from((at || document).querySelectorAll(selector));

  // Text from others, harmless to look at: as the server shows it.
  const visible = (text) => String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

  // Light and dark.
  document.addEventListener("click", (e) => {
    if (!e.target.closest("[data-theme-toggle]")) return;
    const root = document.documentElement;
    const theme = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
    root.setAttribute("data-bs-theme", theme);
    try { localStorage.setItem("proxops-theme", theme); } catch (_) { /* it lasts for this page */ }
  });

  // Times in the zone of whoever looks; the exact one stays in the title.
  const zoned = new Intl.DateTimeFormat("sv-SE", { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" });
  const exactly = new Intl.DateTimeFormat("sv-SE", { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" });
  function times(at) {
    for (const t of $("time[datetime]:not([data-fixed])", at)) {
      const d = new Date(t.dateTime);
      if (!isNaN(d)) t.textContent = ("seconds" in t.dataset ? exactly : zoned).format(d);
    }
  }

  // Hours of pictures, likewise.
  const clock = new Intl.DateTimeFormat("sv-SE", { hour: "2-digit", minute: "2-digit" });
  function hours(at) {
    for (const t of $("[data-hour]", at)) {
      const d = new Date(t.dataset.hour);
      if (!isNaN(d)) t.textContent = clock.format(d);
    }
  }

  // Menus close when one clicks elsewhere, or leaves with Escape.
  document.addEventListener("click", (e) => {
    for (const menu of $("details.menu-of[open]")) if (!menu.contains(e.target)) menu.open = false;
  });
  document.addEventListener("keydown", (e) => {
    if (e.key !== "Escape") return;
    if (e.target.matches("input[type=search]")) e.target.blur();
    for (const menu of $("details.menu-of[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
  });

  // Tabs within a page.
  document.addEventListener("click", (e) => {
    const tab = e.target.closest("[role=tab]");
    if (tab) select(tab);
  });
  document.addEventListener("keydown", (e) => {
    const tab = e.target.closest && e.target.closest("[role=tab]");
    if (!tab || (e.key !== "ArrowLeft" && e.key !== "ArrowRight")) return;
    const all = $("[role=tab]", tab.parentElement);
    const to = all[(all.indexOf(tab) + (e.key === "ArrowRight" ? 1 : all.length - 1)) % all.length];
    select(to);
    to.focus();
  });
  function select(tab) {
    for (const other of $("[role=tab]", tab.parentElement)) {
      const on = other === tab;
      other.setAttribute("aria-selected", on);
      other.tabIndex = on ? 0 : -1;
      const panel = document.getElementById(other.getAttribute("aria-controls"));
      panel.hidden = !on;
      if (on) panel.dispatchEvent(new Event("show")); // what it holds may come only now
    }
  }

  // Filters: the name of a control says how it compares, and empty ones are not sent.
  document.addEventListener("change", (e) => {
    const lookup = e.target.closest("[data-lookup]");
    if (!lookup) return;
    const name = lookup.dataset.lookup + lookup.value;
    for (const input of $("[data-value], input[type=hidden]", lookup.parentElement)) input.name = input.name && name;
    const picker = lookup.parentElement.querySelector("[data-picker]");
    if (picker) picker.dataset.name = name;
  });
  document.addEventListener("submit", (e) => {
    if (!e.target.matches("[data-filters], .quick")) return;
    for (const input of e.target.elements) if (input.name && input.value === "") input.disabled = true;
    setTimeout(() => { for (const input of e.target.elements) input.disabled = false; });
  });

  // The order of columns.
  document.addEventListener("click", (e) => {
    const move = e.target.closest("[data-move]");
    if (!move) return;
    const item = move.closest(".column-choice"), up = move.dataset.move === "up";
    const other = up ? item.previousElementSibling : item.nextElementSibling;
    if (!other || !other.matches(".column-choice")) return;
    item.parentElement.insertBefore(up ? item : other, up ? other : item);
    move.focus();
    const all = $(".column-choice", item.parentElement);
    const said = item.closest("form").querySelector("[role=status]");
    if (said) said.textContent = item.querySelector("label").textContent.trim() + ": place " + (all.indexOf(item) + 1) + " of " + all.length;
  });

  // What objects are called that a filter names by their ids. Each is asked for once; what one may not see keeps its id.
  const called = new Map();
  function names(at) {
    for (const n of $("[data-names]", at)) {
      const values = n.dataset.values.split(","), by = n.dataset.by, address = n.dataset.names;
      const key = (v) => address + " " + by + " " + v;
      const say = () => { n.textContent = values.map((v) => called.get(key(v)) || v).join(", "); };
      const unknown = values.filter((v) => !called.has(key(v)) && v !== "null").slice(0, 50);
      if (!unknown.length) { say(); continue; }
      const query = new URLSearchParams({ limit: unknown.length });
      for (const v of unknown) query.append(by, v);
      fetch(address + "?" + query, { headers: { Accept: "application/json" } }).then((r) => (r.ok ? r.json() : Promise.reject(new Error(r.statusText)))).then((page) => {
        for (const v of unknown) called.set(key(v), v);
        for (const o of page.results) called.set(key(o[by]), visible(o.display));
        say();
      }).catch(() => { /* it says the ids */ });
    }
  }

  // What is typed into a picker and not picked would be lost, so no form is sent with it.
  document.addEventListener("submit", (e) => {
    const typed = $("[data-picker] > input", e.target).find((input) => !input.validity.valid);
    if (!typed) return;
    e.preventDefault();
    typed.reportValidity();
  }, true);

  // Pickers: what is typed is searched in a list of the API.
  function pickers(at) { for (const p of $("[data-picker]:not([data-ready])", at)) picker(p); }
  let pickerCount = 0;
  function picker(box) {
    box.dataset.ready = "";
    const input = box.querySelector("input"), many = "many" in box.dataset, by = box.dataset.by;
    const chosen = $("[data-chosen]", box).map((h) => h.value);
    $("[data-chosen]", box).forEach((h) => h.remove());
    input.removeAttribute("name");
    input.value = "";
    const chips = document.createElement("div");
    chips.className = "chips";
    box.insertBefore(chips, input);
    const menu = document.createElement("ul");
    menu.id = "picker-" + ++pickerCount;
    menu.setAttribute("role", "listbox");
    menu.hidden = true;
    box.appendChild(menu);
    input.setAttribute("aria-controls", menu.id);
    let at = -1, timer = 0;
    const ask = (query) => fetch(box.dataset.picker + "?" + new URLSearchParams(query), { headers: { Accept: "application/json" } }).then((r) => (r.ok ? r.json() : { results: [] }));
    const settle = () => input.setCustomValidity(input.value.trim() ? "Pick one of what is found, or clear this." : "");
    function add(value, text) {
      if ($("input", chips).some((h) => h.value === String(value))) return;
      if (!many) chips.replaceChildren();
      const chip = document.createElement("span");
      chip.className = "chip";
      const name = document.createElement("span");
      name.textContent = text;
      const hidden = document.createElement("input");
      hidden.type = "hidden";
      hidden.name = box.dataset.name;
      hidden.value = value;
      const off = document.createElement("button");
      off.type = "button";
      off.className = "btn-close";
      off.setAttribute("aria-label", "Remove " + text);
      off.addEventListener("click", () => { chip.remove(); if (!many && !$("input", chips).length) none(); input.focus(); });
      chip.append(name, hidden, off);
      chips.append(chip);
    }
    // A reference that is taken away is sent as nothing.
    function none() {
      if (many) return;
      const hidden = document.createElement("input");
      hidden.type = "hidden";
      hidden.name = box.dataset.name;
      hidden.value = "";
      chips.append(hidden);
    }
    function close() { menu.hidden = true; input.setAttribute("aria-expanded", "false"); at = -1; }
    function mark(i) {
      const items = $("li", menu);
      if (!items.length) return;
      at = (i + items.length) % items.length;
      items.forEach((li, n) => li.setAttribute("aria-selected", n === at));
      input.setAttribute("aria-activedescendant", items[at].id);
      items[at].scrollIntoView({ block: "nearest" });
    }
    let found = null; // what the offers are the answer to
    function search() {
      const asked = input.value;
      ask({ q: asked, limit: 20 }).then((page) => {
        if (asked !== input.value) return;
        found = asked;
        menu.replaceChildren(...page.results.map((o, i) => {
          const li = document.createElement("li");
          li.id = menu.id + "-" + i;
          li.setAttribute("role", "option");
          li.textContent = visible(o.display);
          li.dataset.value = o[by];
          li.addEventListener("mousedown", (e) => { e.preventDefault(); add(o[by], visible(o.display)); input.value = ""; settle(); close(); box.dispatchEvent(new CustomEvent("proxops:picked", { bubbles: true })); });
          return li;
        }));
        if (!page.results.length && asked) {
          const li = document.createElement("li");
          li.setAttribute("role", "option");
          li.setAttribute("aria-disabled", "true");
          li.textContent = "Nothing is found";
          menu.append(li);
        }
        menu.hidden = !menu.childElementCount;
        input.setAttribute("aria-expanded", String(!menu.hidden));
        at = -1;
      });
    }
    input.addEventListener("input", () => { settle(); clearTimeout(timer); timer = setTimeout(search, 150); });
    input.addEventListener("focus", search);
    input.addEventListener("blur", () => setTimeout(close, 100));
    input.addEventListener("keydown", (e) => {
      if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); mark(at + (e.key === "ArrowDown" ? 1 : -1)); }
      if (e.key === "Enter" && (!menu.hidden || input.value)) { // it chooses, and never sends a form that is half done
        e.preventDefault();
        const items = $("li", menu);
        const pick = found !== input.value ? null : at >= 0 ? items[at] : input.value && items.length === 1 ? items[0] : null;
        if (pick) pick.dispatchEvent(new MouseEvent("mousedown"));
      }
      if (e.key === "Escape") close();
    });
    if (!chosen.length) return;
    const query = new URLSearchParams({ limit: chosen.length });
    for (const v of chosen) query.append(by, v);
    fetch(box.dataset.picker + "?" + query, { headers: { Accept: "application/json" } }).then((r) => (r.ok ? r.json() : { results: [] })).then((page) => {
      for (const o of page.results) {
        const hidden = $("input", chips).find((h) => h.value === String(o[by]));
        if (!hidden) continue;
        hidden.previousElementSibling.textContent = visible(o.display);
        hidden.nextElementSibling.setAttribute("aria-label", "Remove " + visible(o.display));
      }
    });
    for (const v of chosen) add(v, v);
  }

  // Rows: chosen with the keyboard, selected, opened.
  let row = -1;
  function rows() { return $("[data-row]"); }
  function go(to) {
    const all = rows();
    if (!all.length) return;
    row = Math.max(0, Math.min(all.length - 1, to));
    all.forEach((r, i) => r.classList.toggle("at", i === row));
    all[row].scrollIntoView({ block: "nearest" });
    const open = all[row].querySelector("[data-open]");
    if (open) open.focus({ preventScroll: true });
  }
  document.addEventListener("change", (e) => {
    if (e.target.matches("[data-select-all]")) {
      for (const box of $("[data-row] input[name=pk]")) box.checked = e.target.checked;
    } else if (!e.target.matches("[data-row] input[name=pk]")) return;
    for (const box of $("[data-row] input[name=pk]")) box.closest("[data-row]").classList.toggle("picked", box.checked);
    selection();
  });
  let prefix = false;
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input:not([type=checkbox]), textarea, select, dialog[open]")) return;
    if (prefix) {
      prefix = false;
      const link = $("[data-go]").find((a) => a.dataset.go === e.key);
      if (link) { e.preventDefault(); location.href = link.href; }
      return;
    }
    const all = rows();
    switch (e.key) {
      case "/": e.preventDefault(); (document.getElementById("quick") || document.getElementById("search")).focus(); break;
      case "g": prefix = true; setTimeout(() => { prefix = false; }, 1500); break;
      case "j": go(row + 1); break;
      case "k": go(row - 1); break;
      case "o": if (all[row]) all[row].querySelector("[data-open]").click(); break;
      case "x": if (all[row]) { const box = all[row].querySelector("input[name=pk]"); if (box) box.click(); } break;
      case "?": { const keys = document.getElementById("keys"); if (keys) keys.showModal(); break; }
    }
  });

  /* What is open follows what happens */
  // What does not answer at present, by what asks it, and what that says. The page says that it is disconnected as long as there is any.
  const silent = new Map();
  function offline(what, on, why) {
    if (on) silent.set(what, why || "Disconnected, retrying …");
    else silent.delete(what);
    const box = document.getElementById("live");
    if (!box) return;
    box.hidden = !silent.size;
    for (const text of silent.values()) box.textContent = text;
  }
  // A stream that breaks off is asked for again by the browser, but not one that is refused, as when the server starts anew.
  const askAgain = 5000;

  // Parts of a page (data-live names the kinds of events that make them out of date, data-live-url where they are) are asked for again, each by
  // itself. Events are gathered a little, a part is asked for once at a time, rests for data-live-pause seconds between two times, and is asked for
  // every data-live-every seconds in any case. A tab that nobody sees asks nothing: its parts are out of date when it is seen again.
  const gather = 700, unseen = 10000, patience = 60000;
  const parts = new Map(); // by id: when it was asked for last, whether it is being asked for or is out of date, and the timer of what comes next
  const seconds = (box, name) => 1000 * (box.dataset[name] || 0);
  function known(id) {
    if (!parts.has(id)) parts.set(id, { at: Date.now(), asking: false, stale: false, timer: 0 });
    return parts.get(id);
  }
  function outdated(box) {
    known(box.id).stale = true;
    plan(box);
  }
  function plan(box, least) {
    const part = known(box.id);
    if (!part.stale || part.timer || part.asking || document.hidden) return;
    const rest = part.at + seconds(box, "livePause") - Date.now();
    part.timer = setTimeout(() => { part.timer = 0; ask(box.id); }, Math.max(least || gather, rest));
  }
  // What somebody is about to do in a part is not taken from under them.
  const taken = (box) => document.activeElement && box.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]), select, textarea, .menu-of > summary") ||
    $("input[name=pk]:checked, .menu-of[open]", box).length > 0;
  function ask(id) {
    const box = document.getElementById(id), part = known(id);
    if (!box) { parts.delete(id); offline(id, false); return; }
    if (document.hidden) return;
    if (taken(box)) return plan(box, 2000);
    part.stale = false;
    part.asking = true;
    part.at = Date.now();
    bring(box).then(() => false, () => document.getElementById(id) === box).then((failed) => {
      part.asking = false;
      part.stale = part.stale || failed;
      offline(id, failed);
      const now = document.getElementById(id);
      if (now) plan(now, failed ? askAgain : gather);
    });
  }
  // bring asks for a part, and puts it in place of what is there. Whatever else comes with it replaces what has the same id.
  async function bring(box) {
    const answer = await fetch(box.dataset.liveUrl, { headers: { "HX-Request": "true", "HX-Target": box.id }, signal: AbortSignal.timeout(patience) });
    // Who is logged out is sent to log in, and what may no longer be seen or is gone says so on a page of its own.
    if (answer.status === 204 || answer.status === 403 || answer.status === 404) return location.reload();
    if (!answer.ok) throw new Error(answer.statusText);
    const made = new DOMParser().parseFromString(await answer.text(), "text/html").body.children;
    for (const e of Array.from(made)) {
      const old = e.id && document.getElementById(e.id);
      if (!old) continue;
      const restore = keep(old);
      old.replaceWith(e);
      if (window.htmx) htmx.process(e);
      ready(e.parentElement);
      restore();
    }
    follow();
    watch();
  }
  // keep remembers where one is in a part: the focus, what is open, and how far frames are scrolled.
  function keep(box) {
    const frames = ".picture, .table-responsive, [data-log]", open = "details:not(.menu-of)", targets = "a[href], button, summary, input, [tabindex]";
    const name = (e) => e.id || e.getAttribute("href") || e.name || e.tagName;
    const active = box.contains(document.activeElement) ? document.activeElement : null;
    const twins = (at) => $(targets, at).filter((e) => name(e) === name(active));
    const nth = active && twins(box).indexOf(active), opened = $(open, box).map((d) => d.open), scrolled = $(frames, box).map((f) => [f.scrollLeft, f.scrollTop]);
    return () => {
      const now = document.getElementById(box.id);
      $(open, now).forEach((d, i) => { if (opened[i]) d.open = true; });
      $(frames, now).forEach((f, i) => { if (scrolled[i]) [f.scrollLeft, f.scrollTop] = scrolled[i]; });
      if (!active) return;
      const same = twins(now);
      const to = same[nth] || same[0] || $(targets, now)[0];
      if (to) to.focus({ preventScroll: true });
    };
  }
  setInterval(() => {
    for (const box of $("[data-live-every]")) if (Date.now() - known(box.id).at >= seconds(box, "liveEvery")) outdated(box);
  }, 5000);

  // All parts of a page share one stream. It stays while they are replaced, so that nothing is missed.
  const events = ["created", "updated", "stale", "reactivated", "deleted", "started", "completed", "failed"];
  let source = null, sourceURL = "", sourceRetry = 0;
  function follow(missed) {
    const boxes = $("[data-live]"), to = document.body.dataset.events, query = new URLSearchParams();
    boxes.forEach((box) => known(box.id));
    const each = (name) => new Set(boxes.flatMap((box) => (box.dataset[name] || "").split(" ").filter(Boolean)));
    for (const kind of each("live")) query.append("kind", kind);
    for (const id of each("liveObject")) query.append("object_id", id);
    for (const id of each("liveEndpoint")) query.append("endpoint", id);
    const url = to && query.has("kind") ? to + "?" + query : "";
    if (document.hidden && !source || url === sourceURL && source && source.readyState !== EventSource.CLOSED) return;
    unfollow();
    if (!url) { offline("events", false); return; }
    sourceURL = url;
    source = new EventSource(url);
    const now = () => $("[data-live]");
    source.onopen = () => {
      offline("events", false);
      if (missed) now().forEach(outdated);
      missed = false;
    };
    source.onerror = (e) => {
      missed = true;
      offline("events", true);
      if (e.target.readyState !== EventSource.CLOSED) return;
      sourceRetry = setTimeout(follow, askAgain, true);
      refused();
    };
    for (const kind of each("live")) {
      const changed = () => now().filter((box) => box.dataset.live.split(" ").includes(kind)).forEach(outdated);
      for (const name of events) source.addEventListener("proxops." + kind + "." + name + ".v1", changed);
    }
    source.addEventListener("reset", () => now().forEach(outdated));
  }
  // A stream does not say why it is refused. Whoever is logged out by now is asked to log in, and comes back here.
  function refused() {
    fetch("/user/profile/", { redirect: "manual" }).then((answer) => { if (answer.type === "opaqueredirect") location.reload(); }).catch(() => { /* nobody answers: it is asked again */ });
  }
  function unfollow() {
    clearTimeout(sourceRetry);
    if (source) source.close();
    source = null;
    sourceURL = "";
  }
  // Browsers have but a few connections to a server, so tabs that nobody sees give theirs back.
  let leaving = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(leaving);
    if (document.hidden) { leaving = setTimeout(unfollow, unseen); return; }
    const away = !source;
    follow(away);
    $("[data-live]").forEach((box) => (away ? outdated(box) : plan(box)));
  });
  // Who leaves a page closes its stream, which would break off otherwise. Who only fetches a file is still there afterwards.
  window.addEventListener("beforeunload", () => { unfollow(); sourceRetry = setTimeout(follow, askAgain, true); });

  // A link that asks first (data-ask) leads to a page that asks. Its question is asked in a dialog; Escape and data-close leave that.
  document.addEventListener("click", (e) => {
    const link = e.target.closest("a[data-ask]");
    if (!link || e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    fetch(link.href, { headers: { "HX-Request": "true", "HX-Target": "ask" } }).then((answer) => (answer.status === 200 ? answer.text() : Promise.reject(new Error(answer.statusText)))).then((html) => {
      if (document.querySelector("dialog.ask")) return; // asked already, by the first of two clicks
      const box = document.createElement("dialog");
      box.className = "ask";
      box.setAttribute("aria-labelledby", "ask-title");
      box.innerHTML = html;
      box.addEventListener("close", () => {
        box.remove();
        const again = $("a[data-ask]").find((a) => a.href === link.href); // the part that it was in may be another one by now
        if (again) again.focus();
      });
      document.body.append(box);
      ready(box);
      box.showModal();
    }).catch(() => { location.href = link.href; });
  });
  document.addEventListener("click", (e) => {
    const close = e.target.closest("dialog [data-close]");
    if (!close) return;
    e.preventDefault();
    close.closest("dialog").close();
  });

  /* Forms and selections */
  // Moments are typed in the zone of whoever types, and sent in UTC. Who touches nothing sends what was there.
  function moments(at) {
    for (const input of $("input[data-moment]:not([data-ready])", at)) {
      input.dataset.ready = "";
      const was = new Date(input.value);
      if (input.value && isNaN(was)) continue;
      const local = document.createElement("input");
      local.type = "datetime-local";
      local.step = "1";
      local.className = input.className;
      for (const name of ["id", "aria-describedby", "aria-invalid", "aria-required"]) {
        if (input.hasAttribute(name)) local.setAttribute(name, input.getAttribute(name));
      }
      input.removeAttribute("id");
      if (input.value) local.value = new Date(was.getTime() - was.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
      local.addEventListener("input", () => { input.value = local.value ? new Date(local.value).toISOString() : ""; });
      input.type = "hidden";
      const zone = document.createElement("small");
      zone.className = "form-hint";
      zone.textContent = "In your time zone, " + Intl.DateTimeFormat().resolvedOptions().timeZone;
      input.after(local, zone);
    }
  }
  // A new object's slug follows its name until somebody types one, as in NetBox.
  document.addEventListener("input", (e) => {
    const slug = e.target.form && e.target.form.matches("[data-form]") && e.target.form.querySelector("input[name=slug]");
    if (!slug) return;
    if (e.target === slug) slug.dataset.own = "";
    else if (e.target.name === "name" && !("own" in slug.dataset) && (!slug.value || "made" in slug.dataset)) {
      slug.value = e.target.value.normalize("NFKD").toLowerCase().replace(/[^\w\s-]/g, "").trim().replace(/[\s-]+/g, "-").slice(0, slug.maxLength > 0 ? slug.maxLength : 100);
      slug.dataset.made = "";
    }
  });
  // How many rows are selected; all that match instead, if that is ticked.
  function selection() {
    const bar = document.getElementById("bulk");
    if (!bar) return;
    const all = bar.querySelector("[data-matching]"), n = $("[data-row] input[name=pk]:checked").length;
    if (all && !n) all.checked = false;
    bar.querySelector("[data-selected]").textContent = (all && all.checked ? all.dataset.matching : n) + " selected";
    const head = document.querySelector("[data-select-all]");
    if (head) { const rows = $("[data-row] input[name=pk]").length; head.checked = rows > 0 && n === rows; head.indeterminate = n > 0 && n < rows; }
  }
  document.addEventListener("change", (e) => { if (e.target.matches("[data-matching]")) selection(); });
  // A menu that needs something to be picked says so, and sends nothing without.
  document.addEventListener("submit", (e) => {
    const menu = e.submitter && e.submitter.closest("[data-needs]");
    if (!menu || menu.querySelector('[name="' + menu.dataset.needs + '"]')) return;
    e.preventDefault();
    const said = menu.querySelector("[data-missing]");
    said.textContent = said.dataset.missing;
    menu.querySelector("input").focus();
  });
  document.addEventListener("proxops:picked", (e) => { const menu = e.target.closest("[data-needs]"); if (menu) menu.querySelector("[data-missing]").textContent = ""; });
  // In bulk, what is touched is to be changed.
  function touched(e) {
    const field = e.target.closest && e.target.closest(".bulk-field");
    const box = field && field.querySelector("input[name=_change]");
    if (box && e.target !== box) box.checked = true;
  }
  document.addEventListener("input", touched);
  document.addEventListener("click", (e) => { if (e.target.closest(".bulk-field .picker li, .bulk-field .picker .btn-close")) touched(e); });
  document.addEventListener("proxops:picked", touched);
  document.addEventListener("click", (e) => {
    const copy = e.target.closest("[data-copy]");
    if (!copy) return;
    const from = document.getElementById(copy.dataset.copy);
    from.select();
    if (navigator.clipboard) navigator.clipboard.writeText(from.value).then(() => { copy.textContent = "Copied"; });
  });

  /* Jobs: the page of one that goes on follows its stream. When it has ended, the page asks for itself again. */
  let watched = null, watchedRetry = 0;
  const amount = (n) => Number(n).toLocaleString("en-US");
  function lasting(ms) {
    if (ms < 1000) return ms + " ms";
    if (ms < 60000) return (ms / 1000).toFixed(1) + " s";
    return ms < 3600000 ? Math.floor(ms / 60000) + " m " + Math.floor(ms / 1000) % 60 + " s" : Math.floor(ms / 3600000) + " h " + Math.floor(ms / 60000) % 60 + " m";
  }
  function watch() {
    clearTimeout(watchedRetry);
    if (watched) { watched.close(); watched = null; }
    const box = document.querySelector("[data-stream]");
    if (!box) { offline("job", false); return; }
    let timer = 0, first = true;
    const part = (at, name) => at.querySelector('[data-f="' + name + '"]');
    const put = (at, name, text) => { const e = part(at, name); if (e) e.textContent = visible(text); };
    const show = (at, name, on) => { const e = part(at, name); if (e) e.hidden = !on; };
    const badge = (at, status) => {
      const made = $("[data-badge]", box.querySelector("#badges").content).find((b) => b.dataset.badge === status);
      if (made) part(at, "status").replaceChildren(...made.cloneNode(true).childNodes);
    };
    const zero = (e, n) => { if (e) e.classList.toggle("zero", !n); };
    const again = (pause) => {
      if (!timer) timer = setTimeout(() => { timer = 0; bring(box).catch(() => { offline("job", true); again(askAgain); }); }, pause || 300);
    };
    const on = (name, handle) => watched.addEventListener(name, (e) => handle(JSON.parse(e.data)));
    watched = new EventSource(box.dataset.stream);
    watched.onopen = () => offline("job", false);
    watched.onerror = (e) => {
      if (!e.data) {
        if (e.target.readyState === EventSource.CLOSED) { watchedRetry = setTimeout(watch, askAgain); refused(); }
        return offline("job", true);
      }
      watched.close();
      offline("job", true, JSON.parse(e.data).detail);
    };
    on("job", (d) => {
      const bar = part(box, "progress");
      if (!bar || d.status === "scheduled") { if (!bar && d.status !== "scheduled") again(); return; }
      if (bar.max !== Math.max(1, d.total)) return again(); // it began, and has its parts now
      badge(box, d.status);
      bar.value = d.done;
      put(box, "done", amount(d.done));
      for (const name of Object.keys(d.counts)) {
        const tile = box.querySelector('[data-count="' + name + '"]');
        if (tile) { tile.querySelector("dd").textContent = amount(d.counts[name]); zero(tile, d.counts[name]); }
      }
      show(box, "trouble", d.error);
      put(box, "error", d.error);
      if (d.started && !part(box, "started").querySelector("time")) {
        const t = document.createElement("time");
        t.dateTime = t.title = d.started;
        part(box, "started").replaceChildren(t);
        times(part(box, "started"));
      }
    });
    on("part", (d) => {
      const row = $("[data-part]", box).find((r) => r.dataset.part === d.endpoint_id + "/" + d.type);
      if (!row) return again();
      badge(row, d.status);
      for (const name of ["created", "updated", "stale", "reactivated", "skipped", "unchanged"]) { put(row, name, amount(d[name])); zero(part(row, name), d[name]); }
      put(row, "requests", amount(d.requests));
      put(row, "duration", lasting(d.duration_ms));
      const trouble = row.nextElementSibling;
      if (!trouble || !trouble.matches(".trouble")) return;
      trouble.hidden = !d.error;
      for (const name of ["error_kind", "error", "remedy", "missing_privilege"]) put(trouble, name, d[name]);
      show(trouble, "error_kind", d.error_kind);
      for (const name of ["remedy", "missing_privilege"]) part(trouble, name).parentElement.hidden = !d[name];
    });
    on("log", (d) => {
      const log = box.querySelector("[data-log]"), bottom = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
      if (first) log.replaceChildren(); // the stream tells all of it
      first = false;
      const li = document.createElement("li"), t = document.createElement("time"), level = document.createElement("span"), text = document.createElement("span");
      li.className = { error: "is-bad", warning: "is-warn", info: "is-info" }[d.level] || "is-neutral";
      t.dateTime = t.title = d.timestamp;
      t.dataset.seconds = "";
      level.className = "level";
      level.textContent = visible(d.level);
      text.dir = "auto";
      text.textContent = visible(d.message);
      li.append(t, " ", level, " ", text);
      log.append(li);
      times(li);
      if (bottom) log.scrollTop = log.scrollHeight;
    });
    on("end", () => { watched.close(); again(); });
  }
  window.addEventListener("beforeunload", () => { if (watched) watched.close(); });

  /* Schedules: the time zones that the browser knows. */
  function zones(at) {
    for (const list of $("[data-zones]", at)) {
      if (list.children.length || !Intl.supportedValuesOf) continue;
      list.append(...Intl.supportedValuesOf("timeZone").map((zone) => new Option(zone, zone)));
    }
  }

  // What scrolls in a frame of its own can be scrolled by keyboard, also where nothing in it takes the focus.
  function frames(at) {
    for (const frame of $(".table-responsive", at)) if (!frame.querySelector("a, button, input, summary")) frame.tabIndex = 0;
  }

  // Rows of lists are cards on narrow screens: each cell says what it is about, and all are what they were for those who listen, however they look.
  function cards(at) {
    const is = (e, role) => { if (e) e.setAttribute("role", role); };
    const lists = "table.list:not(.cal-agenda)", around = at.closest && at.closest(lists);
    for (const table of around ? [around] : $(lists, at)) {
      table.classList.add("cards");
      const heads = $("thead th", table).map((th) => (th.querySelector(".visually-hidden, input") ? "" : th.textContent.trim().replace(/\s+/g, " ")));
      is(table, "table");
      for (const part of $("thead, tbody", table)) is(part, "rowgroup");
      for (const row of $("tr", table)) {
        is(row, "row");
        let column = 0;
        for (const cell of row.cells) {
          is(cell, cell.tagName === "TD" ? "cell" : cell.closest("thead") ? "columnheader" : "rowheader");
          if (cell.colSpan === 1 && heads[column] && cell.closest("tbody")) cell.dataset.label = heads[column];
          column += cell.colSpan;
        }
      }
    }
  }

  function ready(at) { cards(at); frames(at); times(at); hours(at); names(at); pickers(at); zones(at); moments(at); selection(); }
  document.addEventListener("DOMContentLoaded", () => { ready(document); follow(); watch(); });
  document.addEventListener("htmx:afterSwap", (e) => { ready(e.detail.target.parentElement || document); follow(); watch(); });
})();
