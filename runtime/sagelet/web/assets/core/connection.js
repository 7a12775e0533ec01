// Whether the control plane answers. Who asks it says what came of that; while it does not answer,
// it is looked for again and again, less and less often, by a page that is seen.

const FIRST = 1000;
const MOST = 15000;

let broken = false;
let wait = FIRST;
let timer = 0;

/** Say whether it answered. What changes is told to the page as `sagelet:connection`. */
export function answered(does) {
  if (broken === !does) return;
  broken = !does;
  clearTimeout(timer);
  wait = FIRST;
  if (broken) timer = setTimeout(look, wait);
  dispatchEvent(new CustomEvent("sagelet:connection", { detail: does }));
}

async function look() {
  try {
    if (!document.hidden) {
      await fetch("/_api/health", { redirect: "error", cache: "no-store" });
      answered(true);
      return;
    }
  } catch {
    // not yet
  }
  if (!broken) return;
  wait = Math.min(wait * 1.5, MOST);
  timer = setTimeout(look, wait);
}
