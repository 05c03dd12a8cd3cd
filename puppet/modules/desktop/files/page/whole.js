// Says so when the page did not come whole, or this browser cannot run it: nothing else would. No module, and before them.
addEventListener("error", ({ target, error }) => {
  const $ = (id) => document.getElementById(id);
  if (document.body.dataset.state !== "connecting" || !(error || target instanceof HTMLScriptElement)) return;
  document.body.dataset.state = "ended";
  $("message").textContent = "This page did not load completely.";
  $("next").textContent = "Load it again: a link that was not used stays good until it expires. If it stays so: try another browser, or " +
    "tell your IT support that a file of this page does not get through, or does not run.";
  $("reload").hidden = false;
  $("reload").onclick = () => location.reload();
}, true);
