// A browser drops what it loads when a network of this machine comes or goes, as one does with
// every job. A page that got only a part of its modules is loaded again, a few times.
addEventListener(
  "error",
  (event) => {
    if (!(event.target instanceof HTMLScriptElement)) return;
    const tries = Number(sessionStorage.getItem("sagelet:tries") ?? 0);
    if (tries >= 5) return;
    sessionStorage.setItem("sagelet:tries", String(tries + 1));
    setTimeout(() => location.reload(), 200 * (tries + 1));
  },
  true,
);
addEventListener("load", () => setTimeout(() => document.querySelector("main") && sessionStorage.removeItem("sagelet:tries"), 1000));
