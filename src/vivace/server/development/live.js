// Loads the page again when the server has new code or files, and style sheets without that.
(() => {
  "use strict";
  const script = document.currentScript;
  if (!script || window.__vivaceLive) return;
  window.__vivaceLive = true;

  const address = new URL("live", script.src);
  const memory = "vivace-live:" + location.pathname + location.search;
  let known = script.dataset.version;
  let source = null;
  let timer = 0;
  let wait = 50;

  function open() {
    clearTimeout(timer);
    if (source || document.hidden) return;
    source = new EventSource(address);
    source.addEventListener("hello", (event) => greet(event.data));
    source.addEventListener("change", (event) => {
      const change = JSON.parse(event.data);
      if (!change.styles || !renewStyles(change.version)) return reload(change.version);
      known = change.version;
    });
    // The server is being replaced, or has stopped: asked again soon, then more patiently.
    source.addEventListener("error", () => {
      close();
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, 2000);
    });
  }

  function close() {
    if (source) source.close();
    source = null;
    clearTimeout(timer);
  }

  function greet(version) {
    wait = 50;
    if (version === known) return;
    // A page from the browser's cache keeps the version it was made with: once is enough.
    if (stored() === version) known = version;
    else reload(version);
  }

  function reload(version) {
    close();
    try { sessionStorage.setItem(memory, version); } catch { /* a page without storage */ }
    location.reload();
  }

  function stored() {
    try { return sessionStorage.getItem(memory); } catch { return null; }
  }

  function renewStyles(version) {
    const sheets = [...document.querySelectorAll('link[rel~="stylesheet"][href]')]
      .filter((sheet) => new URL(sheet.href).origin === location.origin);
    for (const sheet of sheets) {
      const url = new URL(sheet.href);
      url.searchParams.set("vivace-live", version);
      const renewed = sheet.cloneNode();
      renewed.href = url.href;
      // The old one stays until then, so that the page is never bare.
      renewed.addEventListener("load", () => sheet.remove());
      renewed.addEventListener("error", () => renewed.remove());
      sheet.after(renewed);
    }
    return sheets.length > 0;
  }

  // Browsers have few connections to a server; a page that nobody sees needs none.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
})();
