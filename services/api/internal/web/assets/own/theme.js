// Before the first paint: what the person chose, or what their system says.
(function () {
  var chosen = null;
  try { chosen = localStorage.getItem("proxops-theme"); } catch (e) { /* no storage, no choice */ }
  var dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.setAttribute("data-bs-theme", dark ? "dark" : "light");
})();
