// One trial: its components in the order of time, and what came of what.
import { html } from "../vendor/preact-htm.js";
import { duration, moment, plural } from "../core/format.js";
import { useApi, useDark, useNow, useTitle, useTracked } from "../core/hooks.js";
import { link } from "../core/url.js";
import { Lineage } from "../charts/lineage.js";
import { AsCode } from "../parts/as-code.js";
import { Badge, Coming, Empty, Failed } from "../parts/basics.js";
import { Swatch } from "../parts/lines.js";

export const Trial = ({ name }) => {
  useTitle(name);
  const [trial, error, again] = useApi(`trials/${encodeURIComponent(name)}`);
  useTracked(again, trial !== null);
  const now = useNow(2, trial?.rows.some((each) => each.started && !each.ended));
  const dark = useDark();
  if (error && !trial) return html`<${Failed} error=${error.status === 400 ? { status: 404, message: error.message } : error} again=${again} />`;
  if (!trial) return html`<${Coming} title=${name} under />`;
  const begun = trial.rows.map((each) => each.started ?? each.created);
  const start = Math.min(...begun);
  const end = Math.max(start + 1, ...trial.rows.map((each) => each.ended ?? (each.status === "InProgress" ? now : each.started ?? each.created)));
  const bar = (row) => {
    const from = row.started ?? row.created;
    const to = row.ended ?? (row.status === "InProgress" ? now : from);
    return { left: `${((from - start) / (end - start)) * 100}%`, width: `${((to - from) / (end - start)) * 100}%` };
  };
  return html`
    <div class="head"><div class="grow"><div class="crumbs"><a href=${link(["experiments"])}>Experiments</a> / <a href=${link(["experiments", trial.experiment])}>${trial.experiment}</a></div>
      <h1 class="cut">${trial.title}</h1><span class="quiet">Trial · ${plural(trial.total, "component")} · made ${moment(trial.created)}</span></div><${AsCode} />
      ${trial.rows.length > 1 && html`<a class="button" href=${link(["compare"], { t: trial.name })}>Compare its components</a>`}</div>
    ${!trial.rows.length && html`<section class="panel"><${Empty} title="It has no components yet"><p class="quiet">A training job whose ExperimentConfig names this trial is listed here, and what is associated with it.</p><//></section>`}
    ${trial.rows.length > 0 && html`<section class="panel" aria-label="Components"><header><h2>Components</h2></header><ul class="times">
      ${trial.rows.map((row) => html`<li key=${row.name}><a class="time" href=${link(["components", row.name])}>
        <span class="row"><${Swatch} mark=${row.mark} dark=${dark} /><b class="cut" title=${row.name}>${row.title}</b></span>
        <span>${row.status ? html`<${Badge} status=${row.status} />` : html`<span class="quiet">–</span>`}</span>
        <span class="gantt wide"><span class="track" aria-hidden="true"><i class="bar main" style=${bar(row)}></i></span></span>
        <span class="quiet num">${row.started ? duration((row.ended ?? now) - row.started) : "–"}</span></a></li>`)}
    </ul></section>
    <section class="panel" aria-label="Lineage"><header><h2 class="grow">From data to model</h2></header><div class="body"><${Lineage} lineage=${trial.lineage} own=${trial.rows.map((each) => each.arn.toLowerCase())} /></div></section>`}`;
};
