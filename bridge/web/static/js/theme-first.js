// Runs before the first paint, so that a page set to dark does not flash in white. The rest is in js/theme.js.
(function () {
  try {
    var theme = (JSON.parse(localStorage.getItem('samrom.choices')) || {}).theme;
    if (theme === 'light' || theme === 'dark') document.documentElement.setAttribute('data-theme', theme);
  } catch (error) {
    // No storage: the system's theme it is.
  }
})();
