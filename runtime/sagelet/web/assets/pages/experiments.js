// Every experiment: how large it is, who is best in it, how the best became better.
import { html, useState } from "../vendor/preact-htm.js";
import { ago, figure, plural } from "../core/format.js";
import { useApi, useNow, useTitle, useTracked } from "../core/hooks.js";
import { measured } from "../core/measure.js";
import { link } from "../core/url.js";
import { AsCode } from "../parts/as-code.js";
import { Code, Coming, Empty, Failed, Spark } from "../parts/basics.js";

export const Experiments = () => {
  useTitle("Experiments");
  const [limit, setLimit] = useState(60);
  const [found, error, again] = useApi("experiments", { limit });
  useTracked(again, found !== null);
  const now = useNow(30);
  if (error && !found) return html`<${Failed} error=${error} again=${again} />`;
  if (!found) return html`<${Coming} title="Experiments" />`;
  const { rows, unassigned } = found;
  return html`
    <div class="head"><div class="grow"><h1>Experiments</h1><span class="quiet">${rows.length ? plural(rows.length, "experiment") : ""}</span></div><${AsCode} />
      ${unassigned > 0 && html`<a class="button" href=${link(["experiments", "-"])}>${plural(unassigned, "component")} in no trial</a>`}</div>
    ${!rows.length && html`<section class="panel"><${FirstExperiment} /></section>`}
    ${rows.length > 0 && html`<div class="tiles">${rows.map((each) => html`<${Tile} key=${each.name} experiment=${each} now=${now} />`)}</div>`}
    ${found.more && html`<div><button class="button" onClick=${() => setLimit((old) => old + 60)}>More</button></div>`}`;
};

export const FirstExperiment = () => html`<${Empty} title="No experiments yet">
  <p class="quiet">A training job that names an experiment and a trial makes both, if they are not there:</p>
  <${Code} text=${'eval "$(sagelet env)"\nsagelet train train.py --framework pytorch --experiment digits --trial first --metric \'test:accuracy=accuracy=([0-9.]+)\''} named="commands" />
  <p class="quiet">So do smexperiments and the SDK's <code>Run</code>; what they log shows up here as they log it.</p><//>`;

const Tile = ({ experiment, now }) => {
  const { objective, best } = experiment;
  return html`<article class="panel tile"><header><h2 class="grow cut"><a class="cover" href=${link(["experiments", experiment.name])} title=${experiment.name}>${experiment.title}</a></h2><span class="quiet">${ago(experiment.created, now)}</span></header>
    <div class="body stack tight">
      <p class="quiet cut">${experiment.description || `${plural(experiment.trials, "trial")}, ${plural(experiment.components, "component")}`}</p>
      ${objective ? html`<div class="row"><span class="grow stack none"><span class="quiet cut">best ${objective.name}</span><b class="big">${best ? figure(measured(best, objective.name)) : "–"}</b><span class="quiet cut">${best ? best.trials[0]?.[0] ?? best.title : ""}</span></span><span class="half"><${Spark} values=${experiment.course} /></span></div>`
        : html`<p class="quiet">No metrics yet.</p>`}
      ${experiment.description && html`<p class="quiet">${plural(experiment.trials, "trial")}, ${plural(experiment.components, "component")}</p>`}
    </div></article>`;
};
