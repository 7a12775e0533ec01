// Where one is in the logs of several hosts: an offset in each lane. What is wanted of them is a
// lane, several lanes, or all of them when it is empty. Pure.

/** The lane that a name means: its own, or the newest of a host. "" when there is none. */
export function laneOf(name, lanes) {
  if (lanes.some((each) => each.id === name)) return name;
  const same = lanes.filter((each) => each.host === name).sort((a, b) => b.begun - a.begun);
  return same[0]?.id ?? "";
}

/** A host's name; with its attempt, when there are several. */
export function labelOf(lane, lanes) {
  const attempt = attemptOf(lane, lanes);
  return attempt ? `${lane.host} (${attempt})` : lane.host;
}

function attemptOf(lane, lanes) {
  const same = lanes.filter((each) => each.host === lane.host).sort((a, b) => a.begun - b.begun);
  return same.length > 1 ? `attempt ${same.findIndex((each) => each.id === lane.id) + 1}` : "";
}

/** The hosts that have lanes, algo-2 before algo-10. */
export function hostsOf(lanes) {
  return [...new Set(lanes.map((each) => each.host))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

/** What is wanted of the lanes for one of them, for a host with all its attempts, or for neither: all. */
export function wantedOf({ lane, host, lanes }) {
  if (lane) return [lane];
  return host ? lanes.filter((each) => each.host === host).map((each) => each.id) : [];
}

/** What tells a line of a lane from the others that are shown with it; "" where there are none. */
export function headOf(id, { lane, host, lanes }) {
  if (lane) return "";
  const found = lanes.find((each) => each.id === id) ?? { id, host: id };
  if (host) return attemptOf(found, lanes);
  return lanes.length > 1 ? labelOf(found, lanes) : "";
}

/** A line's mark as [lane, offset]. */
export function split(mark) {
  const at = mark.lastIndexOf(":");
  return [mark.slice(0, at), mark.slice(at + 1)];
}

/** Whether a window that ends at `end` has all there is. */
export function atEnd({ sizes, end }) {
  return Object.entries(sizes).every(([lane, size]) => (end[lane] ?? 0) >= size);
}

/** The places that are further on, of each lane. */
export function furthest(places, others) {
  const found = { ...places };
  for (const [lane, at] of Object.entries(others)) found[lane] = Math.max(found[lane] ?? 0, at);
  return found;
}

/** The places in the lanes that are wanted. */
export function placesOf(places, wanted) {
  return Object.fromEntries(Object.entries(places).filter(([lane]) => among(lane, wanted)));
}

function among(lane, wanted) {
  return !wanted.length || [wanted].flat().includes(lane);
}

/** What an event has behind `end`, of what is wanted; `gap`: lines before them are not at hand. */
export function behind(event, end, wanted) {
  const start = placesOf(event.start, wanted);
  const fresh = ([number, offset]) => {
    const each = event.lanes[number];
    return among(each, wanted) && offset >= (end[each] ?? 0);
  };
  return {
    ...event,
    lines: event.lines.filter(fresh),
    start,
    end: placesOf(event.end, wanted),
    sizes: placesOf(event.sizes, wanted),
    gap: Object.entries(start).some(([each, at]) => at > (end[each] ?? 0)),
  };
}

/** @param {Record<string, number>} places */
export function total(places) {
  return Object.values(places).reduce((a, b) => a + b, 0);
}

/** How far places are in lanes of such sizes, from 0 to 1. */
export function part(places, sizes) {
  return Object.keys(sizes).reduce((sum, lane) => sum + (places[lane] ?? 0), 0) / (total(sizes) || 1);
}

export function percent(places, sizes) {
  return `${Math.round(part(places, sizes) * 100)} %`;
}
