// Components side by side: what differs, a line each; what is the same, on demand.
import { html } from "../vendor/preact-htm.js";
import { figure } from "../core/format.js";
import { useDark } from "../core/hooks.js";
import { point, usePointed } from "../core/hover.js";
import { bestFirst, delta, differences, measured, parameter } from "../core/measure.js";
import { link } from "../core/url.js";
import { Badge, Figure, Size, Took } from "./basics.js";
import { Swatch } from "./lines.js";
import { StatisticPick } from "./statistics.js";

/** `metrics`: {name, low}; `stats`: metric -> statistic; `base`: the name of the baseline or null. */
export const Diff = ({ rows, labels, metrics, stats, onStat, base, onBase, all }) => {
  const dark = useDark();
  const under = usePointed();
  const first = rows.find((each) => each.name === base);
  const parameters = differences(rows, (row) => row.parameters);
  const configuration = differences(rows, (row) => row.configuration ?? {});
  const codes = new Set(rows.map((each) => each.code ?? ""));
  const cell = (row, read, best) => {
    const value = read(row);
    const by = first && first !== row ? delta(value, read(first)) : "";
    const other = first && first !== row && !by && JSON.stringify(value) !== JSON.stringify(read(first));
    return html`<td class="${row.name === under ? "here" : ""} ${other ? "other" : ""}" onMouseEnter=${() => point({ name: row.name })} onMouseLeave=${() => point({ name: null })}>${value === undefined ? html`<span class="quiet">–</span>` : html`<${Figure} value=${value} strong=${best === row} />`}${best === row ? html` <span class="crown" title="the best">best</span>` : ""}${by ? html`<span class="by">${by}</span>` : ""}</td>`;
  };
  const group = (title, list) => list.length > 0 && html`<tbody><tr class="group"><th scope="rowgroup" colspan=${rows.length + 1}>${title}</th></tr>${list}</tbody>`;
  const line = (name, read, best, head = "") => html`<tr key=${name}><th scope="row"><span class="row"><span class="cut" title=${name}>${name}</span>${head}</span></th>${rows.map((row) => cell(row, read, best))}</tr>`;
  const measures = metrics.filter((each) => rows.some((row) => each.name in row.metrics)).map(({ name, low }) => {
    const statistic = stats[name] ?? "last";
    const read = (row) => measured(row, name, statistic);
    const [winner, second] = bestFirst(rows, read, low);
    const best = rows.length > 1 && Number.isFinite(read(winner)) && read(winner) !== (second && read(second)) ? winner : null;
    return line(name, read, best, html`<${StatisticPick} metric=${name} statistic=${statistic} onStat=${onStat} steps />`);
  });
  const told = (names, read) => names.map((name) => line(name, (row) => read(row, name)));
  // What it cost is told whether it differs or not.
  const costs = [
    ["trained", (row) => html`<${Took} seconds=${row.cost ? row.cost.trained : row.started && row.ended ? row.ended - row.started : null} />`],
    ...(rows.some((each) => each.cost) ? [
      ["billed", (row) => html`<${Took} seconds=${row.cost?.billable} />${row.cost?.hosts > 1 ? ` × ${row.cost.hosts} hosts` : ""}`],
      ["model", (row) => html`<${Size} bytes=${row.cost?.model} />`],
    ] : []),
  ].map(([name, draw]) => html`<tr key=${name}><th scope="row">${name}</th>${rows.map((row) => html`<td class=${row.name === under ? "here" : ""}>${draw(row)}</td>`)}</tr>`);
  const settings = (row, name) => row.configuration?.[name];
  return html`<div class="scrolls panel" role="group" tabindex="0" aria-label="Differences"><table class="diff">
    <thead><tr><th scope="col"><span class="unseen">Property</span></th>${rows.map((row) => html`<th scope="col" class=${row.name === under ? "here" : ""} onMouseEnter=${() => point({ name: row.name })} onMouseLeave=${() => point({ name: null })}>
      <span class="row"><${Swatch} mark=${row.mark} dark=${dark} /><a class="cut" href=${link(["components", row.name])} title=${row.name}>${labels.get(row.name)}</a></span>
      <span class="row under">${row.status && html`<${Badge} status=${row.status} />`}<button class="button tiny" aria-pressed=${base === row.name} onClick=${() => onBase(base === row.name ? "" : row.name)}>Baseline</button></span></th>`)}</tr></thead>
    ${group("Metrics", measures)}
    ${rows.some((each) => each.cost || each.started) && group("Cost", costs)}
    ${group("Parameters", told(all ? [...parameters.differ, ...parameters.same] : parameters.differ, parameter))}
    ${group("Configuration", told(all ? [...configuration.differ, ...configuration.same] : configuration.differ, settings))}
    ${group("Code", codes.size > 1 || all ? [line("digest of the code", (row) => row.code ?? undefined)] : [])}
  </table>
  ${!all && html`<p class="quiet pad">${same(rows, parameters.same, configuration.same)}</p>`}</div>`;
};

function same(rows, parameters, configuration) {
  if (!rows.length) return "";
  const told = rows.find((each) => Object.keys(each.metrics).length) ?? rows[0];
  const shown = parameters.filter((each) => !/^sagemaker_/.test(each)).slice(0, 12).map((name) => `${name} = ${brief(parameter(told, name))}`);
  const rest = parameters.length - shown.length + configuration.length;
  if (!shown.length && !rest) return "Nothing is the same in all.";
  return `The same in all: ${[...shown, rest > 0 ? `${rest} more` : ""].filter(Boolean).join(", ")}.`;
}

const brief = (value) => {
  const text = typeof value === "number" ? figure(value) : String(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
};
