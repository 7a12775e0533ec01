// What trackers stored of a model's quality: confusion matrices, ROC and precision-recall curves,
// tables; side by side for several components.
import { html, useEffect, useMemo, useState } from "../vendor/preact-htm.js";
import { get } from "../core/api.js";
import { colorOfMark, dashOfMark } from "../core/colors.js";
import { figure } from "../core/format.js";
import { useDark } from "../core/hooks.js";
import { point, usePointed } from "../core/hover.js";
import { value } from "../core/series.js";
import { LineChart } from "../charts/line.js";
import { Matrix } from "../charts/matrix.js";
import { Loading } from "./basics.js";
import { Swatch } from "./lines.js";

const CURVES = { ROCCurve: ["ROC", "false positive rate", "true positive rate", "area"], PrecisionRecallCurve: ["Precision and recall", "recall", "precision", "average precision"] };

/** Every graph of these rows, read: [{row, graph, shown}], null while they are on their way. */
function useGraphs(rows) {
  const [found, set] = useState({});
  const wanted = rows.flatMap((row) => row.graphs.map((graph) => ({ row, graph })));
  const key = JSON.stringify(wanted.map((each) => each.graph.uri));
  useEffect(() => {
    const stop = new AbortController();
    for (const uri of new Set(wanted.map((each) => each.graph.uri))) {
      if (found[uri]) continue;
      get("compare/graph", { uri }, { signal: stop.signal }).then((shown) => set((old) => ({ ...old, [uri]: shown })), (error) => error.name !== "AbortError" && set((old) => ({ ...old, [uri]: { kind: "none", reason: error.message } })));
    }
    return () => stop.abort();
  }, [key]);
  return wanted.map((each) => ({ ...each, shown: found[each.graph.uri] }));
}

export const Quality = ({ rows, labels, base }) => {
  const dark = useDark();
  const [share, setShare] = useState(true);
  const [less, setLess] = useState(false);
  const graphs = useGraphs(rows);
  const under = usePointed();
  if (graphs.some((each) => !each.shown)) return html`<${Loading} />`;
  const titleOf = ({ row, graph }) => html`<span class="row"><${Swatch} mark=${row.mark} dark=${dark} /><span class="cut" title=${graph.uri}>${rows.length > 1 ? `${labels.get(row.name)}, ` : ""}${graph.name || graph.type}</span></span>`;
  const matrices = graphs.filter((each) => each.shown.kind === "ConfusionMatrix");
  const reference = matrices.find((each) => each.row.name === base) ?? matrices[0];
  const tables = graphs.filter((each) => each.shown.kind === "Table");
  const unread = graphs.filter((each) => each.shown.kind === "none");
  return html`<div class="stack">
    ${matrices.length > 0 && html`<div class="row wrap"><h3>Confusion matrices</h3><button class="button small" aria-pressed=${share} onClick=${() => setShare(!share)}>Shares of the row</button>
      ${matrices.length > 1 && html`<button class="button small" aria-pressed=${less} onClick=${() => setLess(!less)}>Difference from ${labels.get(reference.row.name)}</button>`}</div>
      <div class="matrices">${matrices.map((each) => html`<figure class="panel pad ${each.row.name === under ? "here" : ""}" onMouseEnter=${() => point({ name: each.row.name })} onMouseLeave=${() => point({ name: null })}><figcaption>${titleOf(each)}</figcaption><${Matrix} matrix=${each.shown.matrix} share=${share} base=${less && each !== reference ? reference.shown.matrix : null} named=${`Confusion matrix of ${labels.get(each.row.name)}`} /></figure>`)}</div>`}
    <div class="charts">${Object.entries(CURVES).map(([kind, words]) => {
      const own = graphs.filter((each) => each.shown.kind === kind);
      return own.length > 0 && html`<${Curves} key=${kind} kind=${kind} words=${words} graphs=${own} labels=${labels} dark=${dark} />`;
    })}</div>
    ${tables.map((each) => html`<section class="panel" aria-label=${`${each.graph.name} of ${labels.get(each.row.name)}`}><header><h3>${titleOf(each)}</h3></header><div class="scrolls" role="group" tabindex="0" aria-label=${each.graph.name || "table"} style=${{ maxHeight: "340px" }}><table class="simple"><thead><tr>${each.shown.fields.map((name) => html`<th>${name}</th>`)}</tr></thead><tbody>${each.shown.rows.map((row) => html`<tr>${row.map((text) => html`<td>${text}</td>`)}</tr>`)}</tbody></table></div></section>`)}
    ${unread.map((each) => html`<p class="note quiet">${each.graph.name || each.graph.type} of ${labels.get(each.row.name)} cannot be shown: ${each.shown.reason}.</p>`)}
  </div>`;
};

const Curves = ({ kind, words, graphs, labels, dark }) => {
  const [title, x, y, area] = words;
  const lines = useMemo(() => {
    const own = graphs.map(({ row, graph, shown }) => ({ name: row.name, label: `${labels.get(row.name)}${graphs.filter((each) => each.row === row).length > 1 ? `, ${graph.name}` : ""}`, color: colorOfMark(row.mark, dark), dash: dashOfMark(row.mark), x: shown.x.map(value), y: shown.y.map(value) }));
    const skill = graphs.map((each) => each.shown.noSkill).find((each) => typeof each === "number");
    const none = kind === "ROCCurve" ? [[0, 1], [0, 1]] : skill === undefined ? null : [[0, 1], [skill, skill]];
    return none ? [...own, { name: "", label: "without skill", color: dark ? "#7d8b8a" : "#8a9796", dash: [4, 4], bare: true, x: none[0], y: none[1] }] : own;
  }, [graphs.length, dark, kind, labels]);
  return html`<section class="panel" aria-label=${title}><header><h3 class="grow">${title}</h3><span class="quiet">${y} over ${x}</span></header><div class="body stack tight">
    <${LineChart} lines=${lines} label=${`${title}: ${y} over ${x}`} x=${x} height=${240} />
    <div class="legend">${graphs.map(({ row, graph, shown }) => html`<span class="row"><${Swatch} mark=${row.mark} dark=${dark} />${labels.get(row.name)}${graphs.filter((each) => each.row === row).length > 1 ? ` (${graph.name})` : ""}${typeof shown.area === "number" ? html`: ${area} <b>${figure(shown.area)}</b>` : ""}</span>`)}</div>
  </div></section>`;
};
