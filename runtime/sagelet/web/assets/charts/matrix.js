// A confusion matrix: rows are what is true, columns what was predicted.
import { html } from "../vendor/preact-htm.js";
import { figure } from "../core/format.js";
import { useDark } from "../core/hooks.js";

/** Shares of each row, so that classes of different size compare. @param {number[][]} matrix */
export function shares(matrix) {
  return matrix.map((row) => {
    const all = row.reduce((a, b) => a + b, 0);
    return row.map((each) => (all ? each / all : 0));
  });
}

/** `base`: a matrix whose difference is shown instead; `share`: shares of the row, not counts. */
export const Matrix = ({ matrix, base = null, share = false, named = "Confusion matrix" }) => {
  const dark = useDark();
  const given = share ? shares(matrix) : matrix;
  const less = base && base.length === matrix.length ? (share ? shares(base) : base) : null;
  const values = less ? given.map((row, i) => row.map((each, k) => each - less[i][k])) : given;
  const most = Math.max(1e-12, ...values.flat().map(Math.abs));
  const full = dark ? 42 : 60;
  const right = matrix.reduce((sum, row, i) => sum + row[i], 0);
  const all = matrix.flat().reduce((a, b) => a + b, 0);
  const style = (value, diagonal) => {
    const good = less ? (diagonal ? value > 0 : value < 0) : diagonal;
    return { background: `color-mix(in srgb, var(--${good ? "accent" : "bad"}) ${((Math.abs(value) / most) * full).toFixed(1)}%, transparent)` };
  };
  const text = (value) => (share ? (Math.abs(value) < 0.0005 ? "0" : value.toFixed(2).replace(/^(-?)0\./, "$1.")) : less && value > 0 ? `+${figure(value)}` : figure(value));
  const bare = matrix.length > 24;
  return html`<div class="scrolls" role="group" tabindex="0" aria-label=${named}><table class="matrix ${bare ? "bare" : ""}"><caption>${less ? "Difference; " : ""}${figure(right)} of ${figure(all)} right, ${((right / (all || 1)) * 100).toFixed(1)} %</caption>
    <thead><tr><th scope="col"><span class="unseen">true, predicted</span></th>${matrix.map((_, i) => html`<th scope="col">${i}</th>`)}</tr></thead>
    <tbody>${values.map((row, i) => html`<tr><th scope="row">${i}</th>${row.map((each, k) => html`<td style=${style(each, i === k)} title=${`true ${i}, predicted ${k}: ${figure(each)}`}>${bare ? "" : text(each)}</td>`)}</tr>`)}</tbody></table></div>`;
};
