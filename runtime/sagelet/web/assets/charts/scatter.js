// Any number against any other, with the front of those that none beats in both.
import { html, useRef } from "../vendor/preact-htm.js";
import { colorOfMark } from "../core/colors.js";
import { figure } from "../core/format.js";
import { useDark, useWidth } from "../core/hooks.js";
import { point, usePointed } from "../core/hover.js";
import { scale } from "../core/scale.js";
import { extent } from "../core/series.js";
import { front, spreads } from "../core/stats.js";
import { go, link } from "../core/url.js";
import { short } from "./canvas.js";

const BOX = { left: 58, top: 12, right: 14, bottom: 40 };

/** `x`, `y`: {title, read(row), low, log}; `low` says whether less is better, null that nothing is;
 * `log` whether its axis is logarithmic, if that is known.
 * `what` a row is; `page(row)` is where it leads. */
export const Scatter = ({ rows, x, y, labels, kept, height = 320, what = "component", page = (row) => link(["components", row.name]) }) => {
  const box = useRef(null);
  const width = useWidth(box, 500);
  const dark = useDark();
  const under = usePointed();
  const points = rows.map((row) => ({ row, x: x.read(row), y: y.read(row) })).filter((each) => Number.isFinite(each.x) && Number.isFinite(each.y));
  const left = rows.length - points.length;
  if (!points.length) return html`<div ref=${box}><p class="quiet pad">No ${what} has both as numbers.</p></div>`;
  const logs = [x.log ?? spreads(points.map((each) => each.x)), y.log ?? spreads(points.map((each) => each.y))];
  const sx = wide(extent(points.map((each) => each.x)), BOX.left, width - BOX.right, logs[0]);
  const sy = wide(extent(points.map((each) => each.y)), height - BOX.bottom, BOX.top, logs[1]);
  const best = x.low === null || y.low === null ? [] : front(points, x.low, y.low);
  const steps = best.map((each, i) => `${i ? `H${sx.to(each.x).toFixed(1)}V` : `M${sx.to(each.x).toFixed(1)},`}${sy.to(each.y).toFixed(1)}`).join("");
  return html`<div ref=${box}><svg class="plot" width=${width} height=${height} role="img" aria-label=${`${y.title} over ${x.title}, ${points.length} ${what}s${best.length ? `; the best of both: ${best.map((each) => labels.get(each.row.name)).slice(0, 5).join(", ")}` : ""}`}>
      ${sy.ticks(5).map((each) => html`<g><line class="rule" x1=${BOX.left} x2=${width - BOX.right} y1=${sy.to(each)} y2=${sy.to(each)} /><text class="tick" x=${BOX.left - 7} y=${sy.to(each) + 3.5} text-anchor="end">${short(each)}</text></g>`)}
      ${sx.ticks(Math.max(2, width / 110)).map((each) => html`<text class="tick" x=${sx.to(each)} y=${height - BOX.bottom + 17} text-anchor="middle">${short(each)}</text>`)}
      <text class="name" x=${(BOX.left + width - BOX.right) / 2} y=${height - 5} text-anchor="middle">${x.title}</text>
      ${best.length > 1 && html`<path class="front" d=${steps} />`}
      ${points.map(({ row, x: px, y: py }) => {
        const out = kept && !kept.has(row.name);
        return html`<circle key=${row.name} class="spot" cx=${sx.to(px)} cy=${sy.to(py)} r=${row.name === under ? 7.5 : best.length > 1 && best.some((each) => each.row === row) ? 5.5 : 4.5} fill=${colorOfMark(row.mark, dark)} opacity=${out ? 0.12 : under && under !== row.name ? 0.45 : 0.9}
          onPointerEnter=${() => point({ name: row.name })} onPointerLeave=${() => point({ name: null })} onClick=${() => go(page(row))}><title>${`${labels.get(row.name)}\n${x.title}: ${figure(px)}\n${y.title}: ${figure(py)}`}</title></circle>`;
      })}
    </svg>
    <p class="quiet small">${[best.length > 1 ? "The line is the front: nobody is better in both." : "", logs[0] ? "x is logarithmic." : "", logs[1] ? "y is logarithmic." : "", left ? `${left} without both numbers left out.` : ""].filter(Boolean).join(" ")}</p></div>`;
};

function wide([low, high], a, b, log) {
  if (log) return scale(low / 1.3, high * 1.3, a, b, true);
  const pad = (high - low) * 0.06;
  return scale(low - pad, high + pad, a, b);
}
