// Everything that compares components, under each other: lines, parallel coordinates, scatter,
// groups, quality, code. What is not near the window is not made yet.
import { html, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { plural } from "../core/format.js";
import { useAsked, useAskedList, useSeen } from "../core/hooks.js";
import { bestFirst, isLow, measured, parameter, statisticName } from "../core/measure.js";
import { groups, spreads } from "../core/stats.js";
import { Bars, Boxes } from "../charts/groups.js";
import { Parallel } from "../charts/parallel.js";
import { Scatter } from "../charts/scatter.js";
import { CodeDiff } from "./code-diff.js";
import { Lines } from "./lines.js";
import { Quality } from "./quality.js";

const AXES = 9;

/** The metric and statistic that decide, from the address or the first that people choose by. */
export function useObjective(metrics, stats) {
  const [asked, setAsked] = useAsked("objective");
  const [way, setWay] = useAsked("best");
  const metric = metrics.find((each) => each.name === asked) ?? metrics[0];
  if (!metric) return { metric: null, read: () => undefined, low: false, setAsked, setWay, title: "" };
  const statistic = stats[metric.name] ?? "last";
  const low = way ? way === "low" : metric.low;
  return { metric: metric.name, statistic, low, setAsked, setWay, title: statistic === "last" ? metric.name : `${metric.name} (${statisticName(statistic)})`, read: (row) => measured(row, metric.name, statistic) };
}

export const ObjectiveBar = ({ metrics, objective }) => objective.metric && html`<div class="row wrap"><label class="row"><span class="quiet">Decides</span><select class="select small" style=${{ maxWidth: "200px" }} value=${objective.metric} onChange=${(e) => (objective.setWay(""), objective.setAsked(e.currentTarget.value))}>${metrics.map((each) => html`<option key=${each.name} value=${each.name} selected=${each.name === objective.metric}>${each.name}</option>`)}</select></label>
  <label><span class="unseen">Which is best</span><select class="select small" value=${objective.low ? "low" : "high"} onChange=${(e) => objective.setWay(e.currentTarget.value === (isLow(objective.metric) ? "low" : "high") ? "" : e.currentTarget.value)}><option value="high">high is best</option><option value="low">low is best</option></select></label></div>`;

export const Section = ({ title, note = "", children, tools = "" }) => {
  const box = useRef(null);
  const near = useSeen(box, "500px");
  return html`<section class="part" ref=${box} aria-label=${title}><header class="row wrap"><h2>${title}</h2>${note && html`<span class="quiet">${note}</span>`}<span class="grow"></span>${tools}</header>${near ? children() : html`<div class="wait tall"></div>`}</section>`;
};

export const Comparison = ({ rows, columns, labels, objective, stats, base, version, chart = "", compact = false, quality = true }) => {
  const [kept, setKept] = useState(null);
  const dims = useMemo(() => dimensions(columns, stats), [columns, stats]);
  const numeric = dims.filter((dim) => rows.some((row) => Number.isFinite(dim.read(row))));
  const measuredRows = rows.filter((row) => Object.keys(row.metrics).length);
  const graphs = rows.some((each) => each.graphs?.length);
  const codes = new Set(rows.filter((each) => each.job).map((each) => each.code));
  return html`
    <${Section} title="Metrics">${() => html`<${Lines} rows=${measuredRows} metrics=${columns.metrics} labels=${labels} kept=${kept} version=${version} chart=${chart} compact=${compact} />`}<//>
    ${rows.length > 1 && dims.length > 1 && html`<${Section} title="Parallel coordinates" note=${kept ? `${kept.size} of ${plural(rows.length, "component")} kept` : "drag along an axis to keep a part"}>${() => html`<${Axes} rows=${measuredRows.length ? measuredRows : rows} dims=${dims} objective=${objective} labels=${labels} onKeep=${setKept} />`}<//>`}
    ${rows.length > 1 && numeric.length > 1 && html`<${Pair} rows=${measuredRows} dims=${numeric} objective=${objective} labels=${labels} kept=${kept} />`}
    ${measuredRows.length > 1 && objective.metric && html`<${ByGroup} rows=${kept ? measuredRows.filter((each) => kept.has(each.name)) : measuredRows} dims=${dims.filter((each) => each.kind === "parameter")} objective=${objective} labels=${labels} />`}
    ${quality && graphs && html`<${Section} title="Quality" note="what the trackers logged">${() => html`<${Quality} rows=${rows.filter((each) => each.graphs.length)} labels=${labels} base=${base} />`}<//>`}
    ${quality && rows.filter((each) => each.job).length > 1 && html`<${Section} title="Code" note=${codes.size > 1 ? "" : "the same in all"}>${() => html`<${CodeDiff} rows=${rows} labels=${labels} base=${base} />`}<//>`}`;
};

/** What can be an axis: parameters that differ, metrics by their statistic. */
function dimensions(columns, stats) {
  return [
    ...columns.differ.filter((each) => !/^sagemaker_/.test(each.name)).map(({ name }) => ({ id: `p:${name}`, kind: "parameter", title: name, low: null, read: (row) => parameter(row, name) })),
    ...columns.metrics.map(({ name, low }) => ({ id: `m:${name}`, kind: "metric", title: name, low, read: (row) => measured(row, name, stats[name] ?? "last") })),
  ];
}

const Axes = ({ rows, dims, objective, labels, onKeep }) => {
  const usual = useMemo(() => {
    const own = dims.filter((each) => each.kind === "parameter").slice(0, AXES - 2);
    const decides = dims.find((each) => each.id === `m:${objective.metric}`);
    const other = dims.filter((each) => each.kind === "metric" && each !== decides).slice(0, Math.max(0, AXES - own.length - 1)).slice(0, 2);
    return [...own, ...other, decides].filter(Boolean).map((each) => each.id);
  }, [dims, objective.metric]);
  const [chosen, setChosen] = useState(null);
  const ids = chosen ?? usual;
  const shown = useMemo(() => ids.map((id) => dims.find((each) => each.id === id)).filter(Boolean), [ids, dims]);
  return html`<div class="panel"><div class="body stack tight">
    <${Parallel} rows=${rows} axes=${shown} objective=${objective.metric ? objective : null} low=${objective.low} labels=${labels} onKeep=${onKeep} />
    <details class="choices"><summary>Axes <span class="quiet">${shown.length} of ${dims.length}</span></summary><div class="row wrap">${dims.map((each) => html`<label class="row"><input type="checkbox" checked=${ids.includes(each.id)} onChange=${() => setChosen(ids.includes(each.id) ? ids.filter((id) => id !== each.id) : dims.map((dim) => dim.id).filter((id) => ids.includes(id) || id === each.id))} />${each.title}</label>`)}</div></details>
  </div></div>`;
};

const Pair = ({ rows, dims, objective, labels, kept }) => {
  const [x, setX] = useAsked("sx");
  const [y, setY] = useAsked("sy");
  const decides = dims.find((each) => each.id === `m:${objective.metric}`);
  const across = dims.find((each) => each.id === x) ?? dims.find((each) => each !== decides) ?? dims[0];
  const up = dims.find((each) => each.id === y) ?? decides ?? dims[1];
  // An axis is logarithmic where its values spread, unless somebody says otherwise.
  const [logs, setLogs] = useAskedList("log-of");
  const positive = (dim) => rows.every((row) => !Number.isFinite(dim.read(row)) || dim.read(row) > 0);
  const isLog = (dim) => positive(dim) && (logs.includes(dim.id) || (!logs.includes(`-${dim.id}`) && spreads(rows.map(dim.read))));
  const turn = (dim) => setLogs([...logs.filter((each) => each !== dim.id && each !== `-${dim.id}`), isLog(dim) ? `-${dim.id}` : dim.id]);
  const own = (dim) => ({ ...dim, log: isLog(dim), ...(dim === decides ? { low: objective.low } : {}) });
  const axis = (text, dim) => html`<button class="button small" aria-label=${`Logarithmic ${text}`} title="Logarithmic axis" aria-pressed=${isLog(dim)} disabled=${!positive(dim)} onClick=${() => turn(dim)}>log</button>`;
  const pick = (text, value, set) => html`<label class="row"><span class="quiet">${text}</span><select class="select small" aria-label=${`Scatter ${text}`} style=${{ maxWidth: "170px" }} value=${value.id} onChange=${(e) => set(e.currentTarget.value)}>${dims.map((each) => html`<option value=${each.id}>${each.title}</option>`)}</select></label>`;
  return html`<${Section} title="Scatter" tools=${html`${pick("x", across, setX)}${axis("x", across)}${pick("y", up, setY)}${axis("y", up)}`}>${() => html`<div class="panel"><div class="body"><${Scatter} rows=${rows} x=${own(across)} y=${own(up)} labels=${labels} kept=${kept} /></div></div>`}<//>`;
};

const ByGroup = ({ rows, dims, objective, labels }) => {
  const [by, setBy] = useAsked("by");
  const few = dims.filter((dim) => {
    const count = new Set(rows.map(dim.read)).size;
    return count > 1 && count < rows.length;
  });
  const dim = dims.find((each) => each.id === by) ?? few[0] ?? null;
  const single = !dim || by === "none";
  const parts = single ? bestFirst(rows, objective.read, objective.low).map((row) => [row.name, [row]]) : groups(rows, dim.read);
  return html`<${Section} title=${single ? "Ranking" : `By ${dim.title}`} note=${objective.title} tools=${html`<label class="row"><span class="quiet">Group by</span><select class="select small" style=${{ maxWidth: "170px" }} value=${single ? "none" : dim.id} onChange=${(e) => setBy(e.currentTarget.value)}><option value="none">nothing</option>${dims.map((each) => html`<option value=${each.id}>${each.title}</option>`)}</select></label>`}>
    ${() => html`<div class="pairs"><div class="panel"><div class="body"><${Bars} parts=${parts} read=${objective.read} labels=${labels} single=${single} /></div></div>
      ${!single && html`<div class="panel"><div class="body"><${Boxes} parts=${parts} read=${objective.read} title=${objective.title} by=${dim.title} labels=${labels} /></div></div>`}</div>`}<//>`;
};
