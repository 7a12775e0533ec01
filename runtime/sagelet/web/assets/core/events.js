// What changes, as it changes: one stream a page, which goes on where it was after every break.
import { answered } from "./connection.js";
import { params, region } from "./url.js";

/** Open a stream; `on` has a function for each kind of event. Returns what closes it.
 * A hidden page lets go of its connection (a browser has six) and takes it up when it is seen. */
export function listen(watch, on, cursor = {}) {
  let source = null;
  let place = JSON.stringify(cursor);
  let again = null;
  let wait = 1000;
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource(`/_api/events?${params({ region: region(), ...watch, cursor: place })}`);
    for (const kind of ["hello", "jobs", "job", "metrics", "usage", "log", "calls", "tracked", "tunings", "tuning", "stored", "gone"]) {
      source.addEventListener(kind, (event) => {
        if (event.lastEventId) place = event.lastEventId;
        answered(true);
        wait = 1000;
        on[kind]?.(JSON.parse(event.data));
      });
    }
    source.addEventListener("error", () => {
      answered(false);
      if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      close();
      again = setTimeout(open, wait);
      wait = Math.min(wait * 2, 15000);
    });
  };
  const close = () => {
    clearTimeout(again);
    source?.close();
    source = null;
  };
  const seen = () => (document.hidden ? close() : open());
  document.addEventListener("visibilitychange", seen);
  open();
  return () => {
    document.removeEventListener("visibilitychange", seen);
    close();
  };
}
