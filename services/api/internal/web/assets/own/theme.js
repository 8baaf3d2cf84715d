// Before the first paint: what the person chose, or what their system says.
(function () {
  var chosen = null;
  try { chosen = localStorage.getItem("proxops-theme"); } catch (e) { /* no storage, no choice */ }
  var dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.setAttribute("data-bs-theme", dark ? "dark" : "light");
  // Pages split days where the viewer's days are.
  try { document.cookie = "proxops_tz=" + Intl.DateTimeFormat().resolvedOptions().timeZone + "; path=/; max-age=31536000; samesite=lax"; } catch (e) { /* they are those of UTC */ }
})();
