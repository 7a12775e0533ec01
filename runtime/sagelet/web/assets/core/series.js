// @ts-check
// What a chart needs of numbers: smoothing, extents, ticks. Pure.

/** Numbers that JSON has no word for. @param {number|string|null} value */
export function value(value_) {
  if (typeof value_ === "string") return value_ === "NaN" ? NaN : value_ === "Infinity" ? Infinity : -Infinity;
  return value_ === null ? NaN : value_;
}

/** Exponential moving average without a bias at its start; what is no number stays itself.
 * @param {number[]} values @param {number} weight 0 for none, towards 1 for more */
export function smooth(values, weight) {
  if (weight <= 0) return values;
  let last = 0;
  let count = 0;
  return values.map((each) => {
    if (!Number.isFinite(each)) return each;
    last = last * weight + (1 - weight) * each;
    count += 1;
    return last / (1 - Math.pow(weight, count));
  });
}

/** Lowest and highest finite value (above zero with `log`); null without any.
 * @param {Iterable<number>} values */
export function extent(values, log = false) {
  let low = Infinity;
  let high = -Infinity;
  for (const each of values) {
    if (!Number.isFinite(each) || (log && each <= 0)) continue;
    if (each < low) low = each;
    if (each > high) high = each;
  }
  return low > high ? null : [low, high];
}

/** The span of several. @param {([number, number]|number[]|null)[]} spans */
export function joined(spans) {
  const found = spans.filter((each) => each !== null);
  return found.length ? [Math.min(...found.map((each) => each[0])), Math.max(...found.map((each) => each[1]))] : null;
}

/** Round places on a linear axis. @param {number} low @param {number} high @param {number} most */
export function ticks(low, high, most) {
  const span = high - low;
  // Of what differs in its last digits alone there is no next place: counting on would never end.
  if (!(span > Math.max(Math.abs(low), Math.abs(high)) * 1e-12)) return [low];
  const raw = span / Math.max(1, most);
  const power = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= raw * 0.999) ?? raw;
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(Number((i * step).toPrecision(12)));
  return found;
}

/** Powers of ten, and their halves when there are few. */
export function logTicks(low, high) {
  const found = [];
  const few = Math.log10(high / low) < 2.2;
  for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++) {
    for (const m of few ? [1, 2, 5] : [1]) {
      const at = m * Math.pow(10, p);
      if (at >= low * 0.999 && at <= high * 1.001) found.push(Number(at.toPrecision(12)));
    }
  }
  return found;
}

/** Columns of a series that hold a value for each point. */
const COLUMNS = ["place", "step", "turn", "time", "value", "host"];

/** Add the new points of a live series to what a page has. Both are columns; where there are too many
 * new ones, some are left out: then they say how many there were, and which turn each had. */
export function append(old, more) {
  if (!old) return more.step || more.hosts.length < 2 ? more : { ...more, turn: more.turn ?? turnsOf(more, new Map()) };
  const hosts = [...old.hosts];
  const place = more.hosts.map((host) => {
    if (!hosts.includes(host)) hosts.push(host);
    return hosts.indexOf(host);
  });
  const last = old.place[old.place.length - 1] ?? -1;
  const from = more.place.findIndex((each) => each > last);
  if (from < 0) return old;
  const steps = old.step || more.step;
  const fresh = { hosts, place: more.place.slice(from), host: more.host.slice(from).map((each) => place[each]) };
  const turns = () => more.turn?.slice(from) ?? turnsOf(fresh, lastTurns(old));
  return {
    ...old,
    hosts,
    place: [...old.place, ...fresh.place],
    ...(steps ? { step: [...stepsOf(old), ...stepsOf(more).slice(from)] } : {}),
    turn: steps || hosts.length < 2 ? undefined : [...(old.turn ?? old.place), ...turns()],
    time: [...old.time, ...more.time.slice(from)],
    value: [...old.value, ...more.value.slice(from)],
    host: [...old.host, ...fresh.host],
    count: (old.count ?? old.place.length) + (from ? more.place.length - from : more.count ?? more.place.length),
    next: more.place[more.place.length - 1] + 1,
  };
}

/** Host -> the turn of its last value. */
function lastTurns(series) {
  const found = new Map();
  series.host.forEach((host, i) => found.set(host, (series.turn ?? series.place)[i]));
  return found;
}

/** Which value of its host each is, where no value has a step. */
function turnsOf(series, last) {
  return series.host.map((host) => {
    const turn = (last.get(host) ?? -1) + 1;
    last.set(host, turn);
    return turn;
  });
}

/** The steps that its points were given; where there is none, which value of its host each is. */
export function stepsOf(series) {
  const places = series.turn ?? series.place;
  return series.step ? series.step.map((each, i) => each ?? places[i]) : places;
}

/** Fewer points of what has grown on the page: every bucket of a host's keeps its extremes. */
export function halve(series, most) {
  if (series.place.length <= most) return series;
  const keep = [];
  for (let host = 0; host < series.hosts.length; host++) {
    const mine = [];
    for (let i = 0; i < series.host.length; i++) if (series.host[i] === host) mine.push(i);
    for (let i = 0; i < mine.length; i += 4) {
      const part = mine.slice(i, i + 4);
      const odd = part.filter((each) => typeof series.value[each] !== "number");
      const order = part.filter((each) => !odd.includes(each)).sort((a, b) => series.value[a] - series.value[b]);
      keep.push(...new Set([odd[0], order[0], order[order.length - 1]].filter((each) => each !== undefined)));
    }
  }
  keep.sort((a, b) => a - b);
  const columns = COLUMNS.filter((each) => series[each]);
  return { ...series, ...Object.fromEntries(columns.map((each) => [each, keep.map((at) => series[each][at])])) };
}

/** One line a host of what the server sends. */
export function byHost(series) {
  const steps = stepsOf(series);
  return series.hosts.map((host, index) => {
    const at = series.host.flatMap((each, i) => (each === index ? [i] : []));
    return { host, step: at.map((i) => steps[i]), time: at.map((i) => series.time[i]), value: at.map((i) => value(series.value[i])) };
  });
}

/** The line of a series' first host, or the part of it in `part`, whose own first host may be another. */
export function ofFirstHost(whole, part) {
  const first = byHost(whole)[0];
  return (part && byHost(part).find((each) => each.host === first.host)) || first;
}
