// A line chart on a canvas: thousands of points, a crosshair, zoom by brush, keys.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { clock, figure } from "../core/format.js";
import { extent, logTicks, smooth, ticks } from "../core/series.js";

const LEFT = 54;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 22;

/** `lines`: {label, color, x, y}; `x`: "step" or "time"; `zoom`: [low, high] or null. */
export const Chart = ({ lines, x = "step", log = false, weight = 0, height = 200, zoom = null, onZoom, label }) => {
  const canvas = useRef(null);
  const state = useRef({});
  const [tip, setTip] = useState(null);
  const [brush, setBrush] = useState(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    watch.observe(canvas.current.parentElement);
    return () => watch.disconnect();
  }, []);
  const [theme, setTheme] = useState(0);
  useEffect(() => {
    const media = matchMedia("(prefers-color-scheme: dark)");
    const turn = () => setTheme((each) => each + 1);
    media.addEventListener("change", turn);
    return () => media.removeEventListener("change", turn);
  }, []);
  useLayoutEffect(() => {
    if (!width) return;
    state.current = draw(canvas.current, width, height, lines, { x, log, weight, zoom, tip, brush });
  }, [lines, width, height, x, log, weight, zoom, tip, brush, theme]);

  const at = (event) => event.clientX - canvas.current.getBoundingClientRect().left;
  const look = (pixel) => {
    const { scale, drawn } = state.current;
    if (!scale) return;
    const value = scale.unx(pixel);
    let best = null;
    for (const line of drawn) {
      const i = nearest(line.x, value);
      const gap = i < 0 ? Infinity : Math.abs(scale.x(line.x[i]) - pixel);
      if (!best || gap < best.gap) best = { gap, x: line.x[i] };
    }
    if (!best || !isFinite(best.gap)) return;
    const rows = drawn.map((line) => ({ label: line.label, color: line.color, i: nearest(line.x, best.x), line }))
      .filter((each) => each.i >= 0 && Math.abs(each.line.x[each.i] - best.x) <= scale.tolerance)
      .map((each) => ({ ...each, value: each.line.raw[each.i], smoothed: each.line.y[each.i] }));
    setTip({ x: best.x, pixel: scale.x(best.x), rows });
  };
  const move = (event) => {
    const pixel = at(event);
    if (brush) setBrush({ ...brush, to: pixel });
    else look(pixel);
  };
  const up = (event) => {
    if (!brush) return;
    const [low, high] = [brush.from, at(event)].sort((a, b) => a - b);
    setBrush(null);
    if (high - low > 6 && onZoom) onZoom([state.current.scale.unx(low), state.current.scale.unx(high)]);
  };
  const keydown = (event) => {
    const step = { ArrowLeft: -8, ArrowRight: 8 }[event.key];
    if (step) {
      event.preventDefault();
      look((tip?.pixel ?? width / 2) + step);
    } else if (event.key === "Escape" && zoom) onZoom?.(null);
  };
  const said = summary(label, lines);
  return html`<div class="chart" onMouseLeave=${() => (setTip(null), setBrush(null))}>
    <canvas ref=${canvas} role="img" tabindex="0" aria-label=${said} style=${{ height: `${height}px` }} onMouseMove=${move}
      onMouseDown=${(e) => e.button === 0 && setBrush({ from: at(e), to: at(e) })} onMouseUp=${up}
      onDblClick=${() => onZoom?.(null)} onKeyDown=${keydown}></canvas>
    ${tip && html`<div class="tip" aria-live="polite" style=${{ left: `${tip.pixel > width / 2 ? Math.max(0, tip.pixel - 190) : tip.pixel + 12}px`, top: "8px" }}>
      <div class="quiet">${x === "time" ? clock(tip.x) : `${x === "relative" ? "after" : "step"} ${figure(tip.x)}${x === "relative" ? " s" : ""}`}</div>
      ${tip.rows.slice(0, 10).map((row) => html`<div><i style=${{ background: row.color }}></i>${row.label} <b>${figure(row.value)}</b>${weight > 0 && isFinite(row.value) ? html` <span class="quiet">~ ${figure(row.smoothed)}</span>` : ""}</div>`)}
    </div>`}
  </div>`;
};

function summary(label, lines) {
  const parts = lines.map((line) => {
    const range = extent(line.y);
    const last = line.y[line.y.length - 1];
    return range ? `${line.label}: ${line.y.length} points, from ${figure(range[0])} to ${figure(range[1])}, last ${figure(last)}` : `${line.label}: no numbers`;
  });
  return `${label}. ${parts.slice(0, 6).join("; ")}`;
}

function nearest(xs, value) {
  let low = 0;
  let high = xs.length - 1;
  if (high < 0) return -1;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (xs[mid] < value) low = mid + 1;
    else high = mid;
  }
  return low > 0 && value - xs[low - 1] < xs[low] - value ? low - 1 : low;
}

function draw(canvas, width, height, lines, { x, log, weight, zoom, tip, brush }) {
  const ratio = devicePixelRatio || 1;
  if (canvas.width !== width * ratio || canvas.height !== height * ratio) {
    canvas.width = width * ratio;
    canvas.height = height * ratio;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const color = (name) => resolve(canvas, name);
  context.font = `11px ${style.fontFamily}`;
  const drawn = lines.map((line) => ({ ...line, raw: line.y, y: smooth(line.y, weight) }));
  const spanX = zoom ?? joined(drawn.map((line) => (line.x.length ? [line.x[0], line.x[line.x.length - 1]] : null)));
  if (!spanX) {
    context.fillStyle = color("--muted");
    context.fillText("No values yet", LEFT, height / 2);
    return { drawn };
  }
  const [x0, x1] = spanX[0] === spanX[1] ? [spanX[0] - 0.5, spanX[1] + 0.5] : spanX;
  const shown = (line) => (zoom ? line.raw.filter((_, i) => line.x[i] >= x0 && line.x[i] <= x1) : line.raw);
  let spanY = joined(drawn.map((line) => extent(shown(line), log))) ?? [0, 1];
  if (spanY[0] === spanY[1]) spanY = log ? [spanY[0] / 2, spanY[1] * 2] : [spanY[0] - (Math.abs(spanY[0]) * 0.1 || 1), spanY[1] + (Math.abs(spanY[1]) * 0.1 || 1)];
  const f = log ? Math.log10 : (each) => each;
  const pad = (f(spanY[1]) - f(spanY[0])) * 0.05;
  const [low, high] = [f(spanY[0]) - pad, f(spanY[1]) + pad];
  const W = width - LEFT - RIGHT;
  const H = height - TOP - BOTTOM;
  const sx = (each) => LEFT + ((each - x0) / (x1 - x0)) * W;
  const sy = (each) => TOP + H - ((f(each) - low) / (high - low)) * H;
  context.strokeStyle = color("--line");
  context.fillStyle = color("--muted");
  context.lineWidth = 1;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const each of log ? logTicks(spanY[0], spanY[1]) : ticks(spanY[0] - pad, spanY[1] + pad, Math.max(2, H / 42))) {
    const y = Math.round(sy(each)) + 0.5;
    if (y < TOP || y > TOP + H + 1) continue;
    context.beginPath();
    context.moveTo(LEFT, y);
    context.lineTo(width - RIGHT, y);
    context.stroke();
    context.fillText(figure(each), LEFT - 7, y);
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const each of ticks(x0, x1, Math.max(2, W / 90))) {
    if (x === "step" && !Number.isInteger(each)) continue;
    context.fillText(x === "time" ? clock(each) : figure(each), Math.min(sx(each), width - 22), height - BOTTOM + 7);
  }
  context.save();
  context.beginPath();
  context.rect(LEFT, TOP - 2, W + 2, H + 4);
  context.clip();
  for (const line of drawn) {
    if (weight > 0) path(context, line.x, line.raw, sx, sy, line.color, 0.25, log, 1);
    path(context, line.x, line.y, sx, sy, line.color, 1, log, 1.8);
    odd(context, line, sx, TOP + H, log);
  }
  if (tip) {
    context.strokeStyle = color("--line-strong");
    context.beginPath();
    context.moveTo(Math.round(tip.pixel) + 0.5, TOP);
    context.lineTo(Math.round(tip.pixel) + 0.5, TOP + H);
    context.stroke();
    for (const row of tip.rows) {
      if (!Number.isFinite(row.smoothed) || (log && row.smoothed <= 0)) continue;
      context.fillStyle = row.color;
      context.beginPath();
      context.arc(tip.pixel, sy(row.smoothed), 3.5, 0, 7);
      context.fill();
    }
  }
  if (brush) {
    context.fillStyle = color("--accent");
    context.globalAlpha = 0.14;
    context.fillRect(Math.min(brush.from, brush.to), TOP, Math.abs(brush.to - brush.from), H);
  }
  context.restore();
  return { drawn, scale: { x: sx, unx: (pixel) => x0 + ((pixel - LEFT) / W) * (x1 - x0), tolerance: ((x1 - x0) / W) * 6 } };
}

function path(context, xs, ys, sx, sy, color, alpha, log, width) {
  context.strokeStyle = color;
  context.globalAlpha = alpha;
  context.lineWidth = width;
  context.lineJoin = "round";
  context.beginPath();
  let pen = false;
  let alone = null;
  for (let i = 0; i < xs.length; i++) {
    const y = ys[i];
    if (!Number.isFinite(y) || (log && y <= 0)) {
      pen = false;
      continue;
    }
    const [px, py] = [sx(xs[i]), sy(y)];
    if (pen) context.lineTo(px, py);
    else context.moveTo(px, py);
    alone = pen ? null : [px, py];
    pen = true;
  }
  context.stroke();
  if (alone && xs.length < 3) {
    context.fillStyle = color;
    context.fillRect(alone[0] - 2, alone[1] - 2, 4, 4);
  }
  context.globalAlpha = 1;
}

/** What is no number, as a cross at the bottom. */
function odd(context, line, sx, bottom, log) {
  context.strokeStyle = line.color;
  context.lineWidth = 1.5;
  for (let i = 0; i < line.x.length; i++) {
    if (Number.isFinite(line.raw[i]) && !(log && line.raw[i] <= 0)) continue;
    const px = sx(line.x[i]);
    context.beginPath();
    context.moveTo(px - 3, bottom - 7);
    context.lineTo(px + 3, bottom - 1);
    context.moveTo(px + 3, bottom - 7);
    context.lineTo(px - 3, bottom - 1);
    context.stroke();
  }
}

function joined(spans) {
  const found = spans.filter(Boolean);
  return found.length ? [Math.min(...found.map((each) => each[0])), Math.max(...found.map((each) => each[1]))] : null;
}

/** A token's colour as a canvas takes it: light-dark() has to be worked out by an element. */
function resolve(canvas, name) {
  const before = canvas.style.color;
  canvas.style.color = `var(${name})`;
  const found = getComputedStyle(canvas).color;
  canvas.style.color = before;
  return found;
}
