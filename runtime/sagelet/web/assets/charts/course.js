// The objective of each training job of a tuning job, and the best so far.
import { html, useRef } from "../vendor/preact-htm.js";
import { figure } from "../core/format.js";
import { useWidth } from "../core/hooks.js";
import { point, usePointed } from "../core/hover.js";
import { jobPage } from "../core/jobs.js";
import { scale } from "../core/scale.js";
import { extent } from "../core/series.js";
import { spreads } from "../core/stats.js";
import { course, objective } from "../core/tuning.js";
import { go } from "../core/url.js";
import { short } from "./canvas.js";

const BOX = { left: 58, top: 12, right: 14, bottom: 36 };

/** `rows` in the order of launch; `low`: less is better. */
export const Course = ({ rows, low, title, height = 260 }) => {
  const box = useRef(null);
  const width = useWidth(box, 700);
  const under = usePointed();
  const points = rows.map((row) => ({ row, y: objective(row) })).filter((each) => Number.isFinite(each.y));
  if (!points.length) return html`<div ref=${box}><p class="quiet pad">No training job has a value of ${title} yet.</p></div>`;
  const values = points.map((each) => each.y);
  const [least, most] = extent(values);
  const log = spreads(values);
  const pad = (most - least) * 0.06;
  const sx = scale(1, Math.max(2, rows[rows.length - 1].number), BOX.left + 8, width - BOX.right - 8);
  const sy = log ? scale(least / 1.3, most * 1.3, height - BOX.bottom, BOX.top, true) : scale(least - pad, most + pad, height - BOX.bottom, BOX.top);
  const best = course(rows, low);
  const line = best.map((each, i) => `${i ? `H${sx.to(each.number).toFixed(1)}V` : `M${sx.to(each.number).toFixed(1)},`}${sy.to(each.value).toFixed(1)}`).join("");
  const top = best[best.length - 1];
  return html`<div ref=${box}><svg class="plot" width=${width} height=${height} role="img" aria-label=${`${title} of ${points.length} training jobs${top ? `; the best is ${figure(top.value)}, of number ${top.number}` : ""}`}>
    ${sy.ticks(5).map((each) => html`<g><line class="rule" x1=${BOX.left} x2=${width - BOX.right} y1=${sy.to(each)} y2=${sy.to(each)} /><text class="tick" x=${BOX.left - 7} y=${sy.to(each) + 3.5} text-anchor="end">${short(each)}</text></g>`)}
    ${sx.ticks(Math.max(2, width / 90)).filter(Number.isInteger).map((each) => html`<text class="tick" x=${sx.to(each)} y=${height - BOX.bottom + 16} text-anchor="middle">${each}</text>`)}
    <text class="name" x=${(BOX.left + width - BOX.right) / 2} y=${height - 3} text-anchor="middle">training job</text>
    ${top && html`<path class="front" d=${`${line}H${(width - BOX.right).toFixed(1)}`} />`}
    ${points.map(({ row, y }) => html`<circle key=${row.number} class=${`spot ${row.early ? "early" : row.counts ? "" : "pending"}`} cx=${sx.to(row.number)} cy=${sy.to(y)} r=${row.name === under ? 7 : row.number === top?.number ? 5.5 : 4}
      opacity=${under && under !== row.name ? 0.5 : 0.95} onPointerEnter=${() => point({ name: row.name })} onPointerLeave=${() => point({ name: null })} onClick=${() => go(jobPage(row))}><title>${`#${row.number} ${row.name}\n${title}: ${figure(y)}${row.early ? "\nstopped early" : row.settled ? "" : "\nso far"}`}</title></circle>`)}
  </svg>
  <div class="legend"><span><i class="dot"></i>ended</span><span><i class="dot early"></i>stopped early</span><span><i class="dot pending"></i>does not count, or not yet</span><span class="grow"></span>${log && html`<span>the axis is logarithmic</span>`}<span>the line is the best so far</span></div></div>`;
};
