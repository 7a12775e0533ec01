// Drawing lines: what a line chart shows, without knowing of pointers or components.
import { extent, joined, smooth } from "../core/series.js";
import { clipped } from "../core/stats.js";
import { lower, outline, scale } from "../core/scale.js";
import { axes, blank, theme } from "./canvas.js";

const LEFT = 54;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 22;

/** Points of all lines that are drawn at most, and while something moves. */
const FINE = 14000;
const COARSE = 3000;
/** More lines than this nobody tells apart by how they are broken. */
const DASHED = 48;

/** Lines with what drawing needs of them more than once: sorted, smoothed, their oddities. What a
 * logarithmic axis has no place for is left out without a mark: it is a number like any other. */
export function prepare(lines, weight) {
  return lines.map((line) => {
    const [xs, raw] = sorted(line.x, line.y);
    const odd = [];
    for (let i = 0; i < raw.length; i++) if (!Number.isFinite(raw[i])) odd.push(i);
    return { ...line, x: xs, raw, y: smooth(raw, weight), odd };
  });
}

function sorted(xs, ys) {
  for (let i = 1; i < xs.length; i++) {
    if (xs[i] >= xs[i - 1]) continue;
    const order = [...xs.keys()].sort((a, b) => xs[a] - xs[b]);
    return [order.map((at) => xs[at]), order.map((at) => ys[at])];
  }
  return [xs, ys];
}

/** From one end of all lines to the other, above zero with `log`; null without a point. */
export function wholeOf(lines, log = false) {
  return joined(lines.map((line) => {
    const first = log ? lower(line.x, Number.MIN_VALUE) : 0;
    return first < line.x.length ? [line.x[first], line.x[line.x.length - 1]] : null;
  }));
}

/** Draw all lines; returns the scales, null where there is nothing to draw. `floor`: y begins at 0. */
export function draw(canvas, width, height, lines, { x, log, logx = false, weight, zoom, clip, above, unit, floor = false, moving = false }) {
  const look = theme(canvas);
  const context = blank(canvas, width, height);
  const box = { left: LEFT, top: TOP, right: width - RIGHT, bottom: height - BOTTOM };
  const span = zoom ?? wholeOf(lines, logx);
  if (!span) {
    context.font = `12px ${look.family}`;
    context.fillStyle = look.colors.muted;
    context.fillText("No values yet", LEFT, height / 2);
    return null;
  }
  const sx = scale(span[0], span[1], box.left, box.right, logx);
  const parts = lines.map((line) => [lower(line.x, sx.low), lower(line.x, sx.high + 1e-9)]);
  const shown = lines.map((line, i) => (zoom ? line.raw.slice(...parts[i]) : line.raw));
  const told = (clip && clipped(shown, 0.01)) || joined(shown.map((each) => extent(each, log))) || (log ? [0.1, 1] : [0, 1]);
  const range = floor ? [Math.min(0, told[0]), told[1] || 1] : told;
  const sy = padded(range, log, box);
  axes(context, look, box, sx, sy, { x, integers: x === "step", unit });
  context.save();
  context.beginPath();
  context.rect(box.left, box.top - 3, box.right - box.left + 2, box.bottom - box.top + 6);
  context.clip();
  const many = lines.length > 30;
  const order = above ? [...lines.keys()].sort((a, b) => Number(lines[a].name === above) - Number(lines[b].name === above)) : lines.keys();
  const dim = above !== null && lines.some((line) => line.name === above);
  const columns = Math.max(8, Math.min(box.right - box.left, (moving ? COARSE : FINE) / 2 / lines.length));
  for (const i of order) {
    const line = moving || lines.length > DASHED ? { ...lines[i], dash: [] } : lines[i];
    const faint = dim && line.name !== above;
    if (weight > 0 && !many) stroke(context, outline(line.x, line.raw, sx, sy, ...parts[i], columns), line, faint ? 0.06 : 0.25, 1);
    stroke(context, outline(line.x, line.y, sx, sy, ...parts[i], columns), line, faint ? 0.18 : 1, dim && !faint ? 2.6 : many ? 1.1 : 1.7);
    if (!faint) marks(context, line, sx, box);
  }
  context.restore();
  return { sx, sy, box };
}

function padded([low, high], log, box) {
  const f = log ? Math.log10 : (each) => each;
  const g = log ? (each) => 10 ** each : (each) => each;
  const plain = scale(low, high, 0, 1, log);
  const pad = (f(plain.high) - f(plain.low)) * 0.05;
  return scale(g(f(plain.low) - pad), g(f(plain.high) + pad), box.bottom, box.top, log);
}

function stroke(context, points, line, alpha, width) {
  context.strokeStyle = line.color;
  context.globalAlpha = alpha;
  context.lineWidth = width;
  context.lineJoin = "bevel";
  context.setLineDash(line.dash ?? []);
  context.beginPath();
  let pen = false;
  let drawn = 0;
  for (let i = 0; i < points.length; i += 2) {
    if (Number.isNaN(points[i])) {
      pen = false;
      continue;
    }
    if (pen) context.lineTo(points[i], points[i + 1]);
    else context.moveTo(points[i], points[i + 1]);
    pen = true;
    drawn += 1;
  }
  context.stroke();
  context.setLineDash([]);
  if (drawn > 0 && drawn < 3 && !line.bare) {
    context.fillStyle = line.color;
    for (let i = 0; i < points.length; i += 2) if (!Number.isNaN(points[i])) context.fillRect(points[i] - 2.5, points[i + 1] - 2.5, 5, 5);
  }
  context.globalAlpha = 1;
}

/** What is no number: a cross at the bottom; infinities as triangles at their end. */
function marks(context, line, sx, box) {
  context.strokeStyle = context.fillStyle = line.color;
  context.lineWidth = 1.5;
  let last = -Infinity;
  for (const i of line.odd) {
    const px = sx.to(line.x[i]);
    if (px < box.left - 4 || px > box.right + 4 || px - last < 2) continue;
    last = px;
    context.beginPath();
    if (line.raw[i] === Infinity || line.raw[i] === -Infinity) {
      const up = line.raw[i] > 0;
      const [tip, base] = up ? [box.top, box.top + 7] : [box.bottom, box.bottom - 7];
      context.moveTo(px, tip);
      context.lineTo(px - 4, base);
      context.lineTo(px + 4, base);
      context.fill();
    } else {
      context.moveTo(px - 3, box.bottom - 7);
      context.lineTo(px + 3, box.bottom - 1);
      context.moveTo(px + 3, box.bottom - 7);
      context.lineTo(px - 3, box.bottom - 1);
      context.stroke();
    }
  }
}

/** What lies over the lines: the crosshair with its dots, the part that is being chosen. */
export function cover(canvas, width, height, view, { at, rows, brush }) {
  const context = blank(canvas, width, height);
  if (!view) return;
  const { colors } = theme(canvas);
  const { sx, sy, box } = view;
  if (at !== null && at >= sx.low && at <= sx.high) {
    const px = Math.round(sx.to(at)) + 0.5;
    context.strokeStyle = colors["line-strong"];
    context.beginPath();
    context.moveTo(px, box.top);
    context.lineTo(px, box.bottom);
    context.stroke();
    for (const row of rows) {
      if (!Number.isFinite(row.smoothed) || (sy.log && row.smoothed <= 0)) continue;
      context.fillStyle = row.color;
      context.beginPath();
      context.arc(sx.to(row.x), sy.to(row.smoothed), 3.5, 0, 7);
      context.fill();
    }
  }
  if (brush) {
    context.fillStyle = colors.accent;
    context.globalAlpha = 0.16;
    context.fillRect(Math.min(brush.from, brush.to), box.top, Math.abs(brush.to - brush.from), box.bottom - box.top);
    context.globalAlpha = 1;
  }
}
