// Where one is in the logs of several hosts: an offset in each lane. Pure.

/** The lane that a name means: its own, or the newest of a host. "" when there is none. */
export function laneOf(name, lanes) {
  if (lanes.some((each) => each.id === name)) return name;
  const same = lanes.filter((each) => each.host === name).sort((a, b) => b.begun - a.begun);
  return same[0]?.id ?? "";
}

/** A host's name; with its attempt, when there are several. */
export function labelOf(lane, lanes) {
  const same = lanes.filter((each) => each.host === lane.host);
  if (same.length < 2) return lane.host;
  return `${lane.host} (attempt ${same.sort((a, b) => a.begun - b.begun).findIndex((each) => each.id === lane.id) + 1})`;
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

/** The places in one lane; in all of them when it is "". */
export function placesOf(places, lane) {
  if (!lane) return places;
  return lane in places ? { [lane]: places[lane] } : {};
}

/** What an event has behind `end`, of one lane or all; `gap`: lines before them are not at hand. */
export function behind(event, end, lane) {
  const start = placesOf(event.start, lane);
  const fresh = ([number, offset]) => {
    const each = event.lanes[number];
    return (!lane || each === lane) && offset >= (end[each] ?? 0);
  };
  return {
    ...event,
    lines: event.lines.filter(fresh),
    start,
    end: placesOf(event.end, lane),
    sizes: placesOf(event.sizes, lane),
    gap: Object.entries(start).some(([each, at]) => at > (end[each] ?? 0)),
  };
}

export function percent(places, sizes) {
  const total = Object.values(sizes).reduce((a, b) => a + b, 0) || 1;
  return `${Math.round((Object.values(places).reduce((a, b) => a + b, 0) / total) * 100)} %`;
}
