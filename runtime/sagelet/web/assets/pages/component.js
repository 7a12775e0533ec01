// One trial component, whole: parameters, metrics, artifacts, lineage, environment, its job.
import { html, useMemo, useState } from "../vendor/preact-htm.js";
import { duration, moment } from "../core/format.js";
import { useApi, useDark, useTitle, useTracked } from "../core/hooks.js";
import { jobPage, ofKey } from "../core/jobs.js";
import { byName, parameter, STATISTICS } from "../core/measure.js";
import { value } from "../core/series.js";
import { link } from "../core/url.js";
import { Lineage } from "../charts/lineage.js";
import { AsCode } from "../parts/as-code.js";
import { Badge, Coming, Empty, Failed, Figure, Size, Took } from "../parts/basics.js";
import { Section } from "../parts/comparison.js";
import { Lines, Swatch } from "../parts/lines.js";
import { Quality } from "../parts/quality.js";
import { Uri } from "../parts/uri.js";

export const Component = ({ name }) => {
  useTitle(name);
  const [row, error, again] = useApi(`components/${encodeURIComponent(name)}`);
  const [compared] = useApi(row?.job ? "compare" : null, { c: name });
  const [version, setVersion] = useState(0);
  useTracked(() => {
    setVersion((each) => each + 1);
    return again();
  }, row !== null);
  const dark = useDark();
  const rows = useMemo(() => (row ? [row] : []), [row]);
  const known = useMemo(() => new Map([[row?.name, row?.title ?? ""]]), [row]);
  if (error && !row) return html`<${Failed} error=${error.status === 400 ? { status: 404, message: error.message } : error} again=${again} />`;
  if (!row) return html`<${Coming} title=${name} under />`;
  const metrics = Object.keys(row.metrics).map((each) => ({ name: each, low: false }));
  const names = Object.keys(row.parameters).sort(byName);
  const configuration = Object.entries(compared?.rows[0]?.configuration ?? {});
  return html`
    <div class="head"><div class="grow"><div class="crumbs"><a href=${link(["experiments"])}>Experiments</a>${row.trials.length ? row.trials.map(([trial, experiment], i) => html`${i ? ", " : " / "}<a href=${link(["experiments", experiment])}>${experiment}</a> / <a href=${link(["trials", trial])}>${trial}</a>`) : html` / <a href=${link(["experiments", "-"])}>in no trial</a>`}</div>
        <div class="row wrap"><${Swatch} mark=${row.mark} dark=${dark} /><h1 class="cut">${row.title}</h1>${row.status && html`<${Badge} status=${row.status} />`}</div>
        <div class="quiet">${[row.title === row.name ? "" : row.name, row.started ? `${moment(row.started)}, ${row.ended ? `took ${duration(row.ended - row.started)}` : "not over"}` : `made ${moment(row.created)}`].filter(Boolean).join(" · ")}</div></div>
      <${AsCode} /><div class="row">${row.job && html`<a class="button" href=${jobPage(ofKey(row.job))}>Its job</a><a class="button" href=${jobPage(ofKey(row.job), ["logs"])}>Logs</a>`}
        ${row.trials.length > 0 && html`<a class="button" href=${link(["compare"], { e: row.trials[0][1], base: row.name })}>Compare with the others</a>`}</div></div>
    ${row.message && /fail/i.test(row.status ?? "") && html`<p class="note bad" role="alert">${row.message}</p>`}
    <div class="two">
      <div class="stack">
        <section class="panel" aria-label="Metrics"><header><h2>Metrics</h2></header>${metrics.length ? html`<div class="scrolls" role="group" tabindex="0" aria-label="Metrics"><table class="simple"><thead><tr><th>Metric</th>${STATISTICS.map(([, text]) => html`<th class="num">${text}</th>`)}</tr></thead><tbody>
          ${metrics.map(({ name: metric }) => html`<tr><th scope="row" class="plain">${metric}</th>${STATISTICS.map(([id]) => html`<td class="num">${row.metrics[metric][id] === undefined ? "–" : html`<${Figure} value=${value(row.metrics[metric][id])} />`}</td>`)}</tr>`)}
        </tbody></table></div>` : html`<${Empty} title="No metrics"><p class="quiet">It logged none.</p><//>`}</section>
        <${Artifacts} title="Inputs" list=${row.inputs} none="It has no input artifacts." />
        <${Artifacts} title="Outputs" list=${row.outputs} none="It has no output artifacts." />
      </div>
      <div class="stack">
        <section class="panel" aria-label="Parameters"><header><h2>Parameters</h2></header><div class="body">${names.length ? html`<dl class="facts">${names.map((each) => html`<dt class="cut" title=${each}>${each}</dt><dd><${Figure} value=${parameter(row, each)} /></dd>`)}</dl>` : html`<p class="quiet">It has none.</p>`}</div></section>
        <section class="panel" aria-label="Facts"><header><h2>Facts</h2></header><div class="body"><dl class="facts"><dt>ARN</dt><dd class="mono">${row.arn}</dd>
          ${row.source && html`<dt>Source</dt><dd>${row.source} ${row.job ? html`<a href=${jobPage(ofKey(row.job))}>${ofKey(row.job).name}</a>` : html`<span class="mono">${row.sourceArn}</span>`}</dd>`}
          ${row.message && !/fail|completed/i.test(row.status ?? "") && html`<dt>Status</dt><dd>${row.message}</dd>`}${row.cost && html`<dt>Cost</dt><dd><span class="quiet">trained</span> <${Took} seconds=${row.cost.trained} />, <span class="quiet">billed</span> <${Took} seconds=${row.cost.billable} />${row.cost.hosts > 1 ? ` × ${row.cost.hosts} hosts` : ""}, <span class="quiet">model</span> <${Size} bytes=${row.cost.model} /></dd>`}<dt>Made</dt><dd>${moment(row.created)}</dd><dt>Changed</dt><dd>${moment(row.modified)}</dd>
          ${Object.entries({ ...row.metadata, ...row.tags }).map(([key, text]) => html`<dt>${key}</dt><dd>${text}</dd>`)}</dl></div></section>
      </div></div>
    ${metrics.length > 0 && html`<${Section} title="Course">${() => html`<${Lines} rows=${rows} metrics=${metrics} labels=${known} version=${version} />`}<//>`}
    ${row.graphs.length > 0 && html`<${Section} title="Quality" note="what the tracker logged">${() => html`<${Quality} rows=${rows} labels=${known} />`}<//>`}
    <section class="panel" aria-label="Lineage"><header><h2>Lineage</h2></header><div class="body"><${Lineage} lineage=${row.lineage} own=${[row.arn.toLowerCase()]} /></div></section>
    ${configuration.length > 0 && html`<details class="panel choices"><summary>Environment of its job <span class="quiet">${configuration.length} settings</span></summary><div class="body"><dl class="facts">${configuration.map(([key, text]) => html`<dt class="mono">${key}</dt><dd class="mono">${String(text)}</dd>`)}</dl></div></details>`}`;
};

const Artifacts = ({ title, list, none, typed = list.some((each) => each.type) }) => html`<section class="panel" aria-label=${title}><header><h2>${title}</h2></header>${list.length ? html`<div class="scrolls" role="group" tabindex="0" aria-label=${title}><table class="simple"><thead><tr><th>Name</th><th>Where</th>${typed && html`<th>Type</th>`}</tr></thead><tbody>
  ${list.map((each) => html`<tr><td class="name">${each.name}</td><td><${Uri} uri=${each.value} /></td>${typed && html`<td class="quiet">${each.type}</td>`}</tr>`)}</tbody></table></div>` : html`<p class="quiet pad">${none}</p>`}</section>`;
