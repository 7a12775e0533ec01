// @ts-check
// Numbers, times and names as people read them. Pure.

/** @param {number|null|undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !isFinite(seconds)) return "–";
  const s = Math.max(0, seconds);
  if (s > 0 && s < 0.0995) return `${Math.max(1, Math.round(s * 1000))} ms`;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.round(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = "B";
  for (const each of units) {
    if (value < 999.5) break;
    value /= 1000;
    unit = each;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** A metric's value: five digits that matter. @param {number|string|null|undefined} value */
export function figure(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  if (!isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value);
  const size_ = Math.abs(value);
  if (size_ !== 0 && (size_ < 1e-4 || size_ >= 1e7)) return value.toExponential(3);
  return String(Number(value.toPrecision(5)));
}

/** A value in its unit: percent, bytes, or none. @param {number|string|null|undefined} value @param {string} unit */
export function amount(value, unit = "") {
  if (typeof value !== "number" || !isFinite(value) || !unit) return figure(value);
  return unit === "bytes" ? size(Math.round(value)) : `${Number(value.toFixed(1))} %`;
}

/** @param {number} count */
export function count(count_) {
  return count_.toLocaleString("en-US");
}

const two = (/** @type {number} */ n) => String(n).padStart(2, "0");

/** Local date and time. @param {number|null|undefined} epoch seconds */
export function moment(epoch) {
  if (epoch === null || epoch === undefined) return "–";
  const d = new Date(epoch * 1000);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(epoch)}`;
}

/** Local time of day. @param {number} epoch seconds */
export function clock(epoch) {
  const d = new Date(epoch * 1000);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** How long ago, roughly. @param {number} epoch @param {number} now both in seconds */
export function ago(epoch, now) {
  const s = now - epoch;
  if (s < 45) return "just now";
  if (s < 3600) return `${Math.round(s / 60)} min ago`;
  if (s < 86400) return `${Math.round(s / 3600)} h ago`;
  if (s < 86400 * 30) return `${Math.round(s / 86400)} d ago`;
  return moment(epoch).slice(0, 10);
}

/** An image's name without its registry. @param {string} uri */
export function image(uri) {
  const name = uri.slice(uri.lastIndexOf("/") + 1);
  return name || uri;
}

/** `1 host`, `2 hosts`. @param {number} n @param {string} one */
export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}
