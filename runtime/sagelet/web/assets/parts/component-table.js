// Columns of a table of components: metrics with their statistic, parameters that differ.
import { html } from "../vendor/preact-htm.js";
import { ago, plural } from "../core/format.js";
import { summaries } from "../core/gathered.js";
import { delta, measured, parameter } from "../core/measure.js";
import { Badge, Figure, Size, Took } from "./basics.js";
import { Swatch } from "./lines.js";
import { StatisticPick } from "./statistics.js";

const MOST = 24;

/** `columns`: as the server tells them; `costs`: whether some are of jobs, whose cost is known; `stats`: metric -> statistic; `base`: a row or null;
 * `groups`: those that gather the rows, by a `gathered` parameter, and what is best of the metric of an `objective`. */
export function componentColumns({ columns, stats, onStat, base, all, dark, now, phone, label, sorted = true, costs = false, groups = null, gathered = "", objective = null }) {
  const by = (mine, its) => {
    const text = base ? delta(mine, its) : "";
    return text ? html`<span class="by">${text}</span>` : "";
  };
  const metric = ({ name, low }) => {
    const statistic = stats[name] ?? "last";
    const told = groups && summaries(groups, name, statistic, objective?.metric === name ? objective.low : low);
    return {
      id: `m:${name}`, title: name, num: true, min: Math.min(200, Math.max(base ? 150 : 112, 76 + name.length * 7.5)), sort: sorted ? `metric.${name}.${statistic}` : undefined,
      head: html`<${StatisticPick} metric=${name} statistic=${statistic} onStat=${onStat} steps />`,
      cell: (row) => {
        const value = measured(row, name, statistic);
        return html`<${Figure} cell value=${value} />${base && base.name !== row.name ? by(value, measured(base, name, statistic)) : ""}`;
      },
      heading: (group) => html`<${Summary} told=${told[groups.indexOf(group)]} count=${group.count} />`,
    };
  };
  const setting = ({ name, numeric }) => ({
    id: `p:${name}`, title: name, num: numeric, min: Math.min(150, Math.max(58, 22 + name.length * 7.5)), sort: sorted ? `parameter.${name}` : undefined,
    cell: (row) => {
      const value = parameter(row, name);
      return typeof value === "string" ? html`<span title=${value}>${value}</span>` : html`<${Figure} cell value=${value} />`;
    },
  });
  const own = (each) => !/^sagemaker_/.test(each.name);
  const shown = all ? [...columns.differ, ...columns.same] : columns.differ.filter(own);
  const metrics = columns.metrics.slice(0, phone ? 1 : MOST).map(metric);
  const name = { id: "name", title: "Component", min: phone ? 120 : 140, flex: 1.6, sort: sorted ? "title" : undefined, cell: (row) => html`<span class="row"><${Swatch} mark=${row.mark} dark=${dark} /><span class="cut" title=${row.name}>${label(row)}</span>${row.status && row.status !== "Completed" && html`<${Badge} small status=${row.status} />`}${base?.name === row.name ? html`<span class="crown">baseline</span>` : ""}</span>`,
    heading: (group) => html`<span class="pile"><b class="cut" title=${group.value === null ? `without ${gathered}` : `${gathered} = ${group.value}`}>${group.label}</b><span class="quiet">${plural(group.count, "component")}</span></span>` };
  const status = { id: "status", title: "Status", min: 104, flex: 0.6, sort: sorted ? "status" : undefined, cell: (row) => (row.status ? html`<${Badge} status=${row.status} />` : html`<span class="quiet">–</span>`) };
  if (phone) return [name, ...metrics, ...shown.slice(0, 3).map(setting), status];
  return [
    name, ...metrics.slice(0, 1), ...shown.slice(0, MOST).map(setting), ...metrics.slice(1),
    status,
    { id: "took", title: "Took", num: true, min: 78, flex: 0.5, sort: sorted ? "duration" : undefined, cell: (row) => html`<${Took} cell seconds=${row.started ? (row.ended ?? now) - row.started : undefined} />` },
    ...(costs ? [
      { id: "billable", title: "Billed", num: true, min: 78, flex: 0.5, cell: (row) => html`<${Took} cell seconds=${row.cost?.billable} />${row.cost?.hosts > 1 ? html`<span class="by" title=${plural(row.cost.hosts, "host")}>× ${row.cost.hosts}</span>` : ""}` },
      { id: "model", title: "Model", num: true, min: 72, flex: 0.5, cell: (row) => html`<${Size} cell bytes=${row.cost?.model} />` },
    ] : []),
    { id: "created", title: "Created", num: true, min: 92, flex: 0.6, spare: 1, sort: sorted ? "created" : undefined, cell: (row) => html`<span class="quiet">${ago(row.created, now)}</span>` },
  ];
}

/** What a heading says of a metric: the best of its rows and their mean; the leading ones stand out. */
const Summary = ({ told, count }) => {
  if (!told) return html`<span class="quiet">–</span>`;
  const { best, mean, of } = told;
  const line = (text, { value, leads }) => html`<span><span class="quiet">${text}</span> <${Figure} cell strong=${leads} value=${value} /></span>`;
  return html`<span class="pile">${best && line("best", best)}${line(of < count ? `mean of ${of}` : "mean", mean)}</span>`;
};
