// The first line of a job's log that looks like an error.
import { get } from "./api.js";
import { percent } from "./lanes.js";

/** Its mark, null if there is none; undefined when it is `over`: nobody wants it any more. `tell` hears
 * how far was looked. @param {string} path @param {string[]} wanted lanes, all if none */
export async function firstError(path, wanted, tell, over) {
  for (let at = "start"; ; ) {
    const found = await get(`${path}/find`, { lane: wanted, errors: true, at, count: 1 });
    if (over()) return undefined;
    if (found.lines.length) return `${found.lanes[found.lines[0][0]]}:${found.lines[0][1]}`;
    if (found.over) return null;
    at = JSON.stringify(found.end);
    tell(`Looked at ${percent(found.end, found.sizes)} of the log …`);
  }
}
