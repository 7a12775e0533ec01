// What is seen of a window of lines: the lines, where they are in the log, how many came meanwhile.
import { html, useEffect, useRef } from "../vendor/preact-htm.js";
import { plural } from "../core/format.js";
import { wantedOf } from "../core/lanes.js";
import { change } from "../core/url.js";
import { copy } from "./basics.js";
import { logWindow } from "./log-window.js";
import { point } from "./log-lines.js";

/** One of the windows of `log` (see log.js), on a lane, on a host with all its attempts, or on all.
 * Nothing is asked for until it was `seen`. `told` is what it told so far, `set` are the settings. */
export const LogPane = ({ log, lane = "", host = "", most, label = "Lines", seen = true, told, set, refused }) => {
  const box = useRef(null);
  const mine = useRef(null);
  mine.current = { lane, host };
  const view = () => {
    const all = { ...log.latest, ...mine.current };
    return { ...all, id: host || all.lane, wanted: wantedOf(all) };
  };
  const reveal = () => box.current?.closest(".lane")?.scrollIntoView({ inline: "nearest", block: "nearest" });
  const made = useRef(null);
  made.current ??= logWindow({
    job: log.job, path: log.path, box, most, view, clear: log.clear, line: log.lineFor(host),
    tell: (changes) => log.tell(host, changes), reveal,
  });
  const here = made.current;
  useEffect(() => {
    log.windows.set(host, here);
    if (log.lineFor(host)) reveal();
    return () => log.windows.delete(host);
  }, []);
  useEffect(() => {
    if (seen) here.start(log.first.jump).then(() => log.begun(here), refused);
  }, [seen]);
  const filtering = set.only && set.text !== "";
  useEffect(() => {
    if (!here.stale()) return undefined;
    log.quit();
    const timer = setTimeout(here.anew, 200);
    return () => clearTimeout(timer);
  }, [lane, filtering && set.text, filtering && set.regex, filtering]);
  useEffect(() => {
    box.current.querySelectorAll(".tm").forEach((each) => (each.hidden = !set.times));
  }, [set.times]);

  const clicked = (event) => {
    const number = event.target.closest("a.no");
    if (!number) return;
    event.preventDefault();
    event.stopPropagation();
    const mark = number.parentElement.dataset.at;
    log.quit();
    if (filtering) here.around(mark).catch(here.failed);
    else {
      point(box.current, mark);
      change({ line: mark });
      copy(location.href);
    }
  };
  const toPlace = (event) => {
    const bar = event.currentTarget.getBoundingClientRect();
    log.quit();
    here.toPart(Math.min(1, Math.max(0, (event.clientY - bar.top) / bar.height)));
  };
  const toEnd = () => {
    log.quit();
    here.toEnd();
  };
  return html`<div class="view"><div class="lines ${set.wrap ? "wrap" : ""}" ref=${box} tabindex="0" role="log" aria-live="off" aria-label=${label} onScroll=${here.scrolled} onClick=${clicked}></div>
    ${!filtering && html`<div class="where" aria-hidden="true" onClick=${toPlace}><i style=${{ top: `${told.place[0] * 100}%`, height: `${Math.max(0, told.place[1] - told.place[0]) * 100}%` }}></i></div>`}
    ${told.behind > 0 && html`<button class="button main small more" onClick=${toEnd}>${plural(told.behind, "new line")}</button>`}
  </div>`;
};
