// Every tuning job: what it searches, how far it is, its best training job.
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { ago, figure, plural } from "../core/format.js";
import { useApi, useAsked, useEvents, useNow, useTitle } from "../core/hooks.js";
import { value } from "../core/series.js";
import { link } from "../core/url.js";
import { AsCode } from "../parts/as-code.js";
import { Badge, Code, Coming, Empty, Failed, Spark } from "../parts/basics.js";

export const Tunings = () => {
  useTitle("Tuning");
  const [limit, setLimit] = useState(60);
  const [filter, setFilter] = useAsked("filter");
  const [found, error, again] = useApi("tuning-jobs", { limit, filter });
  const [kept, setKept] = useState(null); // what is shown while a filter's answer is on its way
  useEffect(() => found && setKept(found), [found]);
  const latest = useRef(again);
  latest.current = again;
  const timer = useRef(0);
  const soon = () => {
    timer.current ||= setTimeout(() => {
      timer.current = 0;
      latest.current();
    }, 1000);
  };
  useEvents({ tunings: true }, { tunings: soon, hello: soon }, {}, kept !== null);
  useEffect(() => () => clearTimeout(timer.current), []);
  const now = useNow(30);
  const shown = found ?? kept;
  if (error && !shown) return html`<${Failed} error=${error} again=${again} />`;
  if (!shown) return html`<${Coming} title="Tuning" />`;
  const { rows } = shown;
  return html`
    <div class="head"><div class="grow"><h1>Tuning</h1><span class="quiet" role="status">${rows.length ? plural(rows.length, "tuning job") : ""}</span></div><${AsCode} />
      ${(rows.length > 0 || filter) && html`<label class="grow" style=${{ maxWidth: "320px" }}><span class="unseen">Filter tuning jobs</span><input class="input" style=${{ width: "100%" }} type="search" value=${filter} placeholder="a part of the name" onInput=${(e) => setFilter(e.currentTarget.value)} /></label>`}</div>
    ${!rows.length && (filter ? html`<section class="panel empty"><h2>No tuning job has that in its name</h2><button class="button" onClick=${() => setFilter("")}>Show all</button></section>` : html`<section class="panel"><${FirstTuning} /></section>`)}
    ${rows.length > 0 && html`<div class="tiles">${rows.map((each) => html`<${Tile} key=${each.name} tuning=${each} now=${now} />`)}</div>`}
    ${shown.more && html`<div><button class="button" onClick=${() => setLimit((old) => Math.min(500, old + 60))}>More</button></div>`}`;
};

const FirstTuning = () => html`<${Empty} title="No tuning jobs yet">
  <p class="quiet">A tuning job runs a script with other hyperparameters again and again, and keeps the best:</p>
  <${Code} text=${'eval "$(sagelet env)"\nsagelet tune examples/mnist/pytorch_mnist.py --framework pytorch --channel training=examples/mnist/data --hp epochs=1 \\\n    --range learning-rate=0.0005:0.02:log --range batch-size=32,64,128 --objective test_accuracy --max-jobs 6'} named="commands" />
  <p class="quiet">The SDK's <code>HyperparameterTuner</code> and boto3 in that shell work too; what they find shows up here as they find it.</p><//>`;

const Tile = ({ tuning, now }) => {
  const { best, objective, counts } = tuning;
  const said = [`${tuning.launched}${tuning.most ? ` of ${tuning.most}` : ""} launched`, counts.early && `${counts.early} stopped early`, counts.Failed && `${counts.Failed} failed`].filter(Boolean).join(", ");
  return html`<article class="panel tile"><header><h2 class="grow cut"><a class="cover" href=${link(["tuning", tuning.name])} title=${tuning.name}>${tuning.name}</a></h2><${Badge} status=${tuning.status} /></header>
    <div class="body stack tight"><p class="quiet cut">${tuning.strategy} · ${said} · ${ago(tuning.created, now)}</p>
      <div class="row"><span class="grow stack none"><span class="quiet cut">best ${objective.name}</span><b class="big">${best ? figure(value(best.value)) : "–"}</b><span class="quiet cut">${best ? `training job #${best.number}` : ""}</span></span><span class="half"><${Spark} values=${tuning.course} /></span></div>
    </div></article>`;
};
