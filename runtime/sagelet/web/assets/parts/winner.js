// Which run won, what it has that the second has not, and what it cost: the answer before the table.
import { html, useEffect, useRef } from "../vendor/preact-htm.js";
import { figure, plural } from "../core/format.js";
import { useApi } from "../core/hooks.js";
import { byName, differences, labels, parameter } from "../core/measure.js";
import { link } from "../core/url.js";
import { Figure, Size, Took } from "./basics.js";
import { Swatch } from "./lines.js";

/** So many differences are told; the rest is in the table. */
const TOLD = 6;

/** `scope`: which components are asked for; `rows`: those on the page, of `total`; `nameOf` a row. */
export const Winner = ({ scope, objective, rows, total, version, dark, nameOf }) => {
  const [found] = useApi(objective.metric ? "components" : null, { ...scope, sort: `metric.${objective.metric}.${objective.statistic}`, descending: objective.low ? "false" : "true", limit: 2 }, version);
  const kept = useRef(null);
  useEffect(() => {
    if (found) kept.current = found;
  }, [found]);
  const [first, second] = ((found ?? kept.current)?.rows ?? []).filter((each) => Number.isFinite(objective.read(each)));
  if (!first) return "";
  const both = labels(second ? [first, second] : [first]);
  const called = (row) => nameOf(row) ?? both.get(row.name);
  const tie = second && objective.read(first) === objective.read(second);
  return html`<section class="panel winner" aria-label="Best">
    <div class="said"><span class="quiet cut">${tie ? "As good as the second" : "Best"} by ${objective.title}</span>
      <span class="row"><${Swatch} mark=${(rows.find((each) => each.name === first.name) ?? first).mark} dark=${dark} /><a class="cut" href=${link(["components", first.name])}><b>${called(first)}</b></a> <${Figure} strong value=${objective.read(first)} /></span></div>
    ${second && html`<${Why} first=${first} second=${second} objective=${objective} called=${called(second)} />`}
    <${Cost} row=${first} rows=${rows} total=${total} />
  </section>`;
};

const Why = ({ first, second, objective, called }) => {
  const own = differences([first, second], (row) => row.parameters).differ.filter((each) => !/^(SageMaker\.|sagemaker_)/.test(each)).sort(byName);
  return html`<div class="said grow"><span class="quiet cut" title=${second.name}>${own.length ? "Differs from the second" : "The second"}, ${called} at ${figure(objective.read(second))}, ${own.length ? "in" : "has the same parameters"}</span>
    <span class="row wrap">${own.slice(0, TOLD).map((name) => html`<span class="told" key=${name}><span class="quiet">${name}</span> <${Figure} value=${parameter(first, name)} /> <span class="by">not <${Figure} value=${parameter(second, name)} /></span></span>`)}
      ${own.length > TOLD && html`<span class="quiet">and ${plural(own.length - TOLD, "more", "more")}</span>`}
      ${!own.length && html`<a href=${link(["compare"], { c: [first.name, second.name] })}>Compare them</a>`}</span></div>`;
};

const Cost = ({ row, rows, total }) => {
  const took = row.cost ? row.cost.trained : row.started && row.ended ? row.ended - row.started : null;
  const all = rows.length === total ? rows.filter((each) => each.cost) : [];
  const sum = all.reduce((seconds, each) => seconds + each.cost.billable * each.cost.hosts, 0);
  return html`<div class="said"><span class="quiet">What it cost</span>
    <span class="row wrap"><span class="told"><span class="quiet">trained</span> <${Took} seconds=${took} /></span>
      ${row.cost && html`<span class="told"><span class="quiet">billed</span> <${Took} seconds=${row.cost.billable} />${row.cost.hosts > 1 ? ` × ${plural(row.cost.hosts, "host")}` : ""}${row.cost.spot ? html` <span class="quiet">spot</span>` : ""}</span>
      <span class="told"><span class="quiet">model</span> <${Size} bytes=${row.cost.model} /></span>`}
      ${all.length > 1 && html`<span class="told"><span class="quiet">all ${all.length} billed</span> <${Took} seconds=${sum} /></span>`}</span></div>`;
};
