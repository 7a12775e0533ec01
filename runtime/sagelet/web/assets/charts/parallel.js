// Parallel coordinates: what differs, an axis each; a brush on an axis, or its ends typed, leave out the rest.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { colorOfMark, ramp } from "../core/colors.js";
import { plural } from "../core/format.js";
import { useDark, useWidth } from "../core/hooks.js";
import { point, usePointed } from "../core/hover.js";
import { scale } from "../core/scale.js";
import { extent } from "../core/series.js";
import { groups, spreads } from "../core/stats.js";
import { short } from "./canvas.js";

const TOP = 40;
const BOTTOM = 30;
const SIDE = 68;
const NEAR = 82;
/** How wide a letter of an axis's title is, roughly. */
const LETTER = 6.6;
/** From so many on, lines let others shine through. */
const CROWD = 60;

/** `axes`: {id, title, read(row), log}; `objective`: one of them that gives the colour, or null. */
export const Parallel = ({ rows, axes, objective, low, labels, height = 320, onKeep }) => {
  const box = useRef(null);
  const width = Math.max(useWidth(box, 900), axes.length * NEAR);
  const dark = useDark();
  const under = usePointed();
  const [kept, setKept] = useState({}); // axis -> the pixels that were brushed, or what was typed
  const [drag, setDrag] = useState(null);
  const laid = useMemo(() => axes.map((axis, i) => lay(axis, rows, SIDE + (axes.length > 1 ? (i * (width - 2 * SIDE)) / (axes.length - 1) : (width - 2 * SIDE) / 2), height)), [axes, rows, width, height]);
  const letters = axes.length > 1 ? Math.min(15, Math.floor((width - 2 * SIDE) / (axes.length - 1) / LETTER)) : 15;
  const range = objective && extent(rows.map((row) => objective.read(row)));
  const colorOf = (row) => {
    if (!objective) return colorOfMark(row.mark, dark);
    const at = objective.read(row);
    if (!range || !Number.isFinite(at)) return "var(--muted)";
    const share = range[0] === range[1] ? 1 : (at - range[0]) / (range[1] - range[0]);
    return ramp(low ? 1 - share : share, dark);
  };
  const passes = (row) => laid.every((axis) => {
    const part = kept[axis.id];
    if (!part) return true;
    if (part.typed) return axis.within(row, part.typed);
    const y = axis.y(row);
    return y >= part.span[0] && y <= part.span[1];
  });
  const inside = rows.filter(passes);
  const key = JSON.stringify([inside.length === rows.length ? null : inside.map((each) => each.name)]);
  useEffect(() => onKeep?.(inside.length === rows.length ? null : new Set(inside.map((each) => each.name))), [key]);
  const place = (event) => event.clientY - box.current.getBoundingClientRect().top;
  const down = (axis) => (event) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    setDrag({ id: axis.id, from: place(event), to: place(event) });
  };
  const move = (event) => drag && setDrag({ ...drag, to: place(event) });
  const up = () => {
    if (!drag) return;
    const [from, to] = [drag.from, drag.to].sort((a, b) => a - b);
    setDrag(null);
    setKept((old) => {
      const next = { ...old };
      if (to - from < 5) delete next[drag.id];
      else next[drag.id] = { span: [from, to] };
      return next;
    });
  };
  const type = (axis, typed) => setKept((old) => {
    const { [axis.id]: _, ...next } = old;
    return typed.some((each) => each !== "") ? { ...next, [axis.id]: { typed } } : next;
  });
  const spanOf = (axis) => kept[axis.id] && (kept[axis.id].span ?? axis.span(kept[axis.id].typed));
  const lineOf = (row) => `M${laid.map((axis) => `${axis.at.toFixed(1)},${axis.y(row).toFixed(1)}`).join("L")}`;
  return html`<div class="scrolls sideways" role="group" ref=${box} tabindex="0" aria-label="Parallel coordinates">
    <svg class="plot" width=${width} height=${height} role="img" aria-label=${`${rows.length} components over ${axes.map((each) => each.title).join(", ")}`} onPointerMove=${move} onPointerUp=${up}>
      ${rows.map((row) => {
        const on = passes(row);
        const faint = !on || (under !== null && under !== row.name && rows.some((each) => each.name === under));
        return html`<path key=${row.name} class="thread" d=${lineOf(row)} stroke=${colorOf(row)} opacity=${!on ? 0.07 : faint ? 0.2 : rows.length > CROWD ? 0.5 : 0.85} stroke-width=${row.name === under ? 3 : 1.6}
          onPointerEnter=${() => on && point({ name: row.name })} onPointerLeave=${() => point({ name: null })}><title>${labels.get(row.name)}</title></path>`;
      })}
      ${laid.map((axis) => {
        const part = drag?.id === axis.id ? [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)] : spanOf(axis);
        return html`<g key=${axis.id}>
          <text class="name" x=${axis.at} y="16" text-anchor="middle">${cut(axis.title, letters)}<title>${axis.title}</title></text>
          <line class="axis" x1=${axis.at} x2=${axis.at} y1=${TOP} y2=${height - BOTTOM} />
          ${axis.ticks.map(([y, text]) => html`<g><line class="axis" x1=${axis.at - 4} x2=${axis.at} y1=${y} y2=${y} /><text class="tick" x=${axis.at - 7} y=${y + 3.5} text-anchor="end">${text}</text></g>`)}
          ${axis.lacking && html`<text class="tick" x=${axis.at} y=${height - 6} text-anchor="middle">none</text>`}
          ${part && html`<rect class="kept" x=${axis.at - 9} width="18" y=${part[0]} height=${Math.max(1, part[1] - part[0])} rx="3" />`}
          <rect class="grip" x=${axis.at - 14} width="28" y=${TOP - 14} height=${height - TOP - BOTTOM + 38} onPointerDown=${down(axis)}><title>${`Drag to keep a part of ${axis.title}; click to keep all`}</title></rect>
        </g>`;
      })}
    </svg></div>
    <details class="choices"><summary>Ranges <span class="quiet">${plural(Object.keys(kept).filter((id) => laid.some((each) => each.id === id)).length, "axis", "axes")} narrowed</span></summary>
      <div class="row wrap">${laid.map((axis) => html`<${Range} key=${axis.id} axis=${axis} typed=${kept[axis.id]?.typed ?? ["", ""]} type=${(typed) => type(axis, typed)} />`)}</div></details>`;
};

/** The part of an axis that is kept, as a form: two ends, or one of the values that are no numbers. */
const Range = ({ axis, typed: [low, high], type }) => html`<fieldset class="range row"><legend class="cut" title=${axis.title}>${axis.title}</legend>
  ${axis.names ? html`<select class="select small" aria-label=${`Keep of ${axis.title}`} value=${low} onChange=${(e) => type([e.currentTarget.value, ""])}><option value="">all</option>${axis.names.map((each) => html`<option value=${each}>${each}</option>`)}</select>`
    : html`<input class="input small" type="number" step="any" placeholder="from" aria-label=${`${axis.title} from`} value=${low} onInput=${(e) => type([e.currentTarget.value, high])} />
      <input class="input small" type="number" step="any" placeholder="to" aria-label=${`${axis.title} to`} value=${high} onInput=${(e) => type([low, e.currentTarget.value])} />`}</fieldset>`;

function lay(axis, rows, at, height) {
  const values = rows.map((row) => axis.read(row));
  const bottom = height - BOTTOM;
  const gone = bottom + 16;
  const given = values.filter((each) => each !== undefined);
  const numeric = given.length > 0 && given.every((each) => typeof each === "number");
  const lacking = values.some((each) => each === undefined || Number.isNaN(each));
  if (!numeric) {
    const names = groups(given, (each) => String(each)).map(([name]) => name);
    const y = (name) => (names.length > 1 ? bottom - (names.indexOf(name) * (bottom - TOP)) / (names.length - 1) : (TOP + bottom) / 2);
    return { ...axis, at, lacking, names, within: (row, [name]) => axis.read(row) !== undefined && String(axis.read(row)) === name, span: ([name]) => [y(name) - 5, y(name) + 5], ticks: names.slice(0, 12).map((name) => [y(name), cut(name)]), y: (row) => (axis.read(row) === undefined ? gone : y(String(axis.read(row)))) };
  }
  const range = extent(given) ?? [0, 1];
  const s = scale(range[0], range[1], bottom, TOP, axis.log ?? spreads(given));
  const inside = (y) => Math.min(bottom, Math.max(TOP, Number.isFinite(y) ? y : bottom));
  const few = new Set(given).size <= 6 ? [...new Set(given)].filter(Number.isFinite) : s.ticks(4);
  return { ...axis, at, lacking, within: (row, ends) => between(axis.read(row), ends), span: ([low, high]) => [high === "" ? TOP : inside(s.to(Number(high))), low === "" ? bottom : inside(s.to(Number(low)))], ticks: few.map((each) => [s.to(each), short(Number(each.toPrecision(4)))]), y: (row) => {
    const found = axis.read(row);
    return found === undefined || Number.isNaN(found) ? gone : Math.min(bottom, Math.max(TOP, s.to(found)));
  } };
}

/** Whether a number is between two ends as they were typed; an empty one is none. */
const between = (value, [low, high]) => value !== undefined && !Number.isNaN(value) && (low === "" || value >= Number(low)) && (high === "" || value <= Number(high));

const cut = (text, most = 15) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

