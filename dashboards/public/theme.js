// Sets theme and language before the first paint, so that nothing flashes. Kept apart because the page allows no inline script.
(function () {
  var kept = {};
  try {
    kept = JSON.parse(localStorage.getItem("metrosoc.preferences") || "{}") || {};
  } catch (_) {
    kept = {};
  }
  var dark = kept.theme === "dark" || (kept.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.documentElement.lang = kept.language || (/^en\b/.test(navigator.language) ? "en" : "vi");
})();
