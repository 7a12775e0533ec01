// A line chart: any number of lines, a crosshair all charts share, zoom by brush, wheel and keys.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { amount, clock, figure } from "../core/format.js";
import { useDark, useWidth } from "../core/hooks.js";
import { follow, point, pointed } from "../core/hover.js";
import { nearest, zoomed } from "../core/scale.js";
import { extent } from "../core/series.js";
import { cover, draw, prepare, wholeOf } from "./line-draw.js";

const SHOWN = 12;
/** A point is told of by a crosshair that is not further from it, in pixels. */
const NEAR = 8;

/** `lines`: {name, label, color, dash, x, y}; `x`: step, relative or time; `logx`: its axis is logarithmic;
 * `zoom`: [low, high]; `unit`: of y, percent or bytes; `floor`: y begins at 0. */
export const LineChart = ({ lines, x = "step", log = false, logx = false, weight = 0, clip = false, height = 200, zoom = null, onZoom, label, unit = "", floor = false }) => {
  const box = useRef(null);
  const base = useRef(null);
  const top = useRef(null);
  const view = useRef(null);
  const width = useWidth(box, 0);
  const dark = useDark();
  const [tip, setTip] = useState(null);
  const brush = useRef(null);
  const [above, setAbove] = useState(pointed().name);
  const ready = useMemo(() => prepare(lines, weight), [lines, weight]);
  const names = useMemo(() => new Set(lines.map((each) => each.name)), [lines]);
  const inside = useRef(false);
  const before = useRef(zoom);
  useLayoutEffect(() => {
    if (!width) return undefined;
    const paintAll = (moving) => (view.current = draw(base.current, width, height, ready, { x, log, logx, weight, zoom, clip, above, unit, floor, moving }));
    const moved = before.current !== zoom;
    before.current = zoom;
    if (!moved) return void paintAll(false);
    // While a zoom goes on, the chart under the pointer follows in few strokes; the others wait.
    if (inside.current) paintAll(true);
    const timer = setTimeout(() => paintAll(false), inside.current ? 160 : 90);
    return () => clearTimeout(timer);
  }, [ready, width, height, x, log, logx, zoom, clip, above, dark]);
  useEffect(() => follow((now) => {
    setAbove(names.has(now.name) ? now.name : null);
    paint(now.kind === x ? now.x : null);
  }), [x, ready, width, height, names]);

  const rowsAt = (at) => {
    const { sx } = view.current;
    return ready.map((line) => ({ line, i: nearest(line.x, at) }))
      .filter(({ line, i }) => i >= 0 && Math.abs(sx.to(line.x[i]) - sx.to(at)) <= NEAR)
      .map(({ line, i }) => ({ name: line.name, label: line.label, color: line.color, x: line.x[i], value: line.raw[i], smoothed: line.y[i] }));
  };
  const paint = (at) => {
    if (!width) return;
    const rows = at === null || !view.current || ready.length > 40 ? [] : rowsAt(at);
    cover(top.current, width, height, view.current, { at, rows, brush: brush.current });
  };
  const look = (px, py) => {
    if (!view.current) return;
    const { sx, sy } = view.current;
    const value = sx.from(px);
    let best = null;
    for (const line of ready) {
      const i = nearest(line.x, value);
      if (i >= 0 && (!best || Math.abs(line.x[i] - value) < Math.abs(best - value))) best = line.x[i];
    }
    if (best === null) return;
    const rows = rowsAt(best);
    const far = (row) => (py === null || !Number.isFinite(row.smoothed) || (sy.log && row.smoothed <= 0) ? Infinity : Math.abs(sy.to(row.smoothed) - py));
    const close = rows.reduce((found, row) => (found === null || far(row) < far(found) ? row : found), null);
    rows.sort((a, b) => (Number.isFinite(b.value) ? b.value : -Infinity) - (Number.isFinite(a.value) ? a.value : -Infinity));
    const from = Math.max(0, Math.min(rows.length - SHOWN, rows.indexOf(close) - SHOWN / 2));
    setTip({ x: best, pixel: sx.to(best), rows: rows.slice(from, from + SHOWN), more: rows.length - Math.min(rows.length, SHOWN), close: close?.name });
    point({ x: best, kind: x, name: ready.length > 1 && close && far(close) < 24 ? close.name : null });
  };
  const place = (event) => {
    const at = base.current.getBoundingClientRect();
    return [event.clientX - at.left, event.clientY - at.top];
  };
  const leave = () => {
    brush.current = null;
    inside.current = false;
    setTip(null);
    point({ x: null, name: null });
    paint(null);
  };
  const down = (event) => {
    if (event.button !== 0 || event.pointerType === "touch" || !onZoom) return;
    const [px] = place(event);
    brush.current = { from: px, to: px };
    base.current.setPointerCapture(event.pointerId);
  };
  const move = (event) => {
    inside.current = true;
    const [px, py] = place(event);
    if (brush.current) {
      brush.current.to = px;
      paint(null);
    } else look(px, py);
  };
  const up = (event) => {
    if (!brush.current || !view.current) return;
    const [low, high] = [brush.current.from, place(event)[0]].sort((a, b) => a - b);
    brush.current = null;
    paint(null);
    if (high - low > 6) onZoom([view.current.sx.from(low), view.current.sx.from(high)]);
  };
  const closer = (by, at) => {
    const whole = wholeOf(ready, logx);
    if (whole && onZoom) onZoom(zoomed(whole, zoom ?? whole, at, by));
  };
  const latest = useRef(closer);
  latest.current = closer;
  useEffect(() => {
    const wheel = (event) => {
      if (!(event.ctrlKey || event.altKey || event.metaKey) || !view.current) return;
      event.preventDefault();
      inside.current = true;
      latest.current(Math.exp(event.deltaY / 300), view.current.sx.from(place(event)[0]));
    };
    const canvas = base.current;
    canvas.addEventListener("wheel", wheel, { passive: false });
    return () => canvas.removeEventListener("wheel", wheel);
  }, []);
  const keydown = (event) => {
    const step = { ArrowLeft: -8, ArrowRight: 8 }[event.key];
    const middle = tip?.x ?? (view.current && view.current.sx.from(width / 2));
    if (step) look((tip?.pixel ?? width / 2) + step, null);
    else if (event.key === "+" || event.key === "=") closer(0.6, middle);
    else if (event.key === "-") closer(1 / 0.6, middle);
    else if ((event.key === "Escape" || event.key === "0") && zoom) onZoom?.(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return html`<div class="chart" ref=${box} onPointerLeave=${leave}>
    <canvas ref=${base} role="img" tabindex="0" aria-label=${summary(label, lines, unit)} style=${{ height: `${height}px` }} onPointerMove=${move} onPointerDown=${down}
      onPointerUp=${up} onDblClick=${() => onZoom?.(null)} onKeyDown=${keydown} onBlur=${leave}></canvas>
    <canvas class="over" ref=${top} aria-hidden="true" style=${{ height: `${height}px` }}></canvas>
    ${tip && html`<${Tip} tip=${tip} x=${x} width=${width} weight=${weight} unit=${unit} />`}
  </div>`;
};

const Tip = ({ tip, x, width, weight, unit }) => {
  const side = tip.pixel > width / 2 ? { right: `${width - tip.pixel + 12}px` } : { left: `${tip.pixel + 12}px` };
  return html`<div class="tip" aria-live="polite" style=${{ ...side, top: "8px" }}>
    <div class="quiet">${x === "time" ? clock(tip.x) : `${x === "relative" ? "after" : "step"} ${figure(tip.x)}${x === "relative" ? " s" : ""}`}</div>
    ${tip.rows.map((row) => html`<div class="row ${row.name === tip.close ? "close" : ""}"><i style=${{ background: row.color }}></i><span class="cut">${row.label}</span> <b>${amount(row.value, unit)}</b>${weight > 0 && isFinite(row.value) ? html` <span class="quiet">~ ${figure(row.smoothed)}</span>` : ""}</div>`)}
    ${tip.more > 0 && html`<div class="quiet">and ${tip.more} more</div>`}</div>`;
};

function summary(label, lines, unit) {
  const parts = lines.slice(0, 6).map((line) => {
    const range = extent(line.y);
    const last = line.y[line.y.length - 1];
    return range ? `${line.label}: ${line.y.length} points, from ${amount(range[0], unit)} to ${amount(range[1], unit)}, last ${amount(last, unit)}` : `${line.label}: no numbers`;
  });
  return `${label}. ${parts.join("; ")}${lines.length > 6 ? `; and ${lines.length - 6} more` : ""}`;
}
