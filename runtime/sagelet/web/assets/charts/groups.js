// Components by a category: mean and spread as bars, all of them as boxes.
import { html, useRef } from "../vendor/preact-htm.js";
import { colorOfMark } from "../core/colors.js";
import { figure } from "../core/format.js";
import { useDark, useWidth } from "../core/hooks.js";
import { point, usePointed } from "../core/hover.js";
import { scale } from "../core/scale.js";
import { extent } from "../core/series.js";
import { deviation, mean, quartiles } from "../core/stats.js";
import { short } from "./canvas.js";

const BOX = { left: 58, top: 12, right: 12, bottom: 38 };
const MOST = 24;

/** Boxes: `parts` are [name, rows]; `read` gives the number. */
export const Boxes = ({ parts, read, title, by, labels, height = 300 }) => {
  const box = useRef(null);
  const width = useWidth(box, 500);
  const dark = useDark();
  const under = usePointed();
  const shown = parts.map(([name, rows]) => [name, rows.filter((row) => Number.isFinite(read(row)))]).filter(([, rows]) => rows.length).slice(0, MOST);
  const range = extent(shown.flatMap(([, rows]) => rows.map(read)));
  if (!range) return html`<div ref=${box}><p class="quiet pad">No component has ${title} as a number.</p></div>`;
  const pad = (range[1] - range[0]) * 0.06;
  const sy = scale(range[0] - pad, range[1] + pad, height - BOX.bottom, BOX.top);
  const step = (width - BOX.left - BOX.right) / shown.length;
  const half = Math.min(26, step * 0.3);
  return html`<div ref=${box}><svg class="plot" width=${width} height=${height} role="img" aria-label=${`${title} by ${by}: ${shown.map(([name, rows]) => `${name} median ${figure(quartiles(rows.map(read)).median)}`).join(", ")}`}>
    ${sy.ticks(5).map((each) => html`<g><line class="rule" x1=${BOX.left} x2=${width - BOX.right} y1=${sy.to(each)} y2=${sy.to(each)} /><text class="tick" x=${BOX.left - 7} y=${sy.to(each) + 3.5} text-anchor="end">${short(each)}</text></g>`)}
    ${shown.map(([name, rows], i) => {
      const at = BOX.left + step * (i + 0.5);
      const values = rows.map(read);
      const q = quartiles(values);
      return html`<g key=${name}>
        ${rows.length > 2 && html`<g class="box"><line x1=${at} x2=${at} y1=${sy.to(q.low)} y2=${sy.to(q.high)} />
          <rect x=${at - half} width=${half * 2} y=${sy.to(q.q3)} height=${Math.max(1, sy.to(q.q1) - sy.to(q.q3))} rx="2" />
          <line class="middle" x1=${at - half} x2=${at + half} y1=${sy.to(q.median)} y2=${sy.to(q.median)} /><title>${`${name}: ${rows.length} components\nmedian ${figure(q.median)}, half of them from ${figure(q.q1)} to ${figure(q.q3)}`}</title></g>`}
        ${rows.map((row, k) => html`<circle class="spot" cx=${at + (rows.length > 2 ? (((k * 37) % 11) / 10 - 0.5) * half : 0)} cy=${sy.to(read(row))} r=${row.name === under ? 6 : 3.6} fill=${colorOfMark(row.mark, dark)} opacity=${under && under !== row.name ? 0.4 : 0.9}
          onPointerEnter=${() => point({ name: row.name })} onPointerLeave=${() => point({ name: null })}><title>${`${labels.get(row.name)}: ${figure(read(row))}`}</title></circle>`)}
        <text class="tick" x=${at} y=${height - BOX.bottom + 15} text-anchor="middle">${cut(name, step / 6.2)}<title>${name}</title></text>
      </g>`;
    })}
    <text class="name" x=${(BOX.left + width - BOX.right) / 2} y=${height - 3} text-anchor="middle">${by}</text>
  </svg></div>`;
};

/** Bars: the mean of each group and how far its members lie from it. */
export const Bars = ({ parts, read, labels, single }) => {
  const dark = useDark();
  const under = usePointed();
  const shown = parts.map(([name, rows]) => ({ name, rows, values: rows.map(read).filter(Number.isFinite) })).filter((each) => each.values.length).slice(0, MOST);
  const range = extent(shown.flatMap((each) => each.values));
  if (!range) return html`<p class="quiet pad">No numbers.</p>`;
  const start = range[0] < 0 ? range[0] : 0;
  const end = Math.max(range[1], 0);
  const at = (value) => ((value - start) / (end - start || 1)) * 100;
  return html`<div class="hbars" role="list">${shown.map(({ name, rows, values }) => {
    const middle = mean(values);
    const by = deviation(values);
    const own = single ? rows[0] : null;
    return html`<div role="listitem" class="hbar ${own && own.name === under ? "here" : ""}" onMouseEnter=${own ? () => point({ name: own.name }) : undefined} onMouseLeave=${own ? () => point({ name: null }) : undefined}>
      <span class="cut" title=${own ? labels.get(own.name) : name}>${own ? labels.get(own.name) : name}</span>
      <span class="track" aria-hidden="true"><i style=${{ left: `${at(Math.min(0, middle))}%`, width: `${Math.abs(at(middle) - at(0))}%`, background: own ? colorOfMark(own.mark, dark) : "var(--accent)" }}></i>${by > 0 && html`<u style=${{ left: `${Math.max(0, at(middle - by))}%`, width: `${Math.min(100, at(middle + by)) - Math.max(0, at(middle - by))}%` }}></u>`}</span>
      <span class="num">${figure(middle)}${by > 0 ? html` <span class="quiet">± ${figure(Number(by.toPrecision(2)))}</span>` : ""}${values.length > 1 ? html` <span class="quiet">of ${values.length}</span>` : ""}</span></div>`;
  })}</div>`;
};

const cut = (text, most) => (text.length > most ? `${text.slice(0, Math.max(2, most - 1))}…` : text);
