// One job of any kind: its life, its metrics, its logs, what it was asked, what its hosts use.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { plain } from "../core/ansi.js";
import { aws, boto3, fresh, sdk } from "../core/clone.js";
import { jobPage, jobPath, keyOf } from "../core/jobs.js";
import { clock, duration, image, moment, plural, size } from "../core/format.js";
import { useApi, useEvents, useKeys, useNow, useTitle } from "../core/hooks.js";
import { go, link } from "../core/url.js";
import { AsCode } from "../parts/as-code.js";
import { Badge, Code, Coming, Dialog, Failed } from "../parts/basics.js";
import { CompareWith } from "../parts/compare-with.js";
import { LogView } from "../parts/log.js";
import { StopDialog } from "../parts/stop.js";
import { Uri } from "../parts/uri.js";
import { JobMetrics } from "./job-metrics.js";
import { JobSystem } from "./job-system.js";

const TABS = {
  training: [["metrics", "Metrics"], ["logs", "Logs"], ["files", "Inputs and outputs"], ["request", "Request"], ["system", "System"]],
  processing: [["files", "Inputs and outputs"], ["logs", "Logs"], ["request", "Request"], ["system", "System"]],
};

/** Parts that say themselves from where on they want to hear more. */
const LIVE = ["metrics", "logs", "system"];

export const Job = ({ kind = "training", name, tab }) => {
  useTitle(name);
  const tabs = TABS[kind];
  const path = jobPath({ kind, name });
  const to = (part, query = {}) => jobPage({ kind, name }, [part], query);
  const [job, error, again] = useApi(path);
  const [live, setLive] = useState(null); // what events told
  const [gone, setGone] = useState(false);
  const [open, setOpen] = useState("");
  const metrics = useRef(() => {});
  const log = useRef(() => {});
  const usage = useRef(() => {});
  const [marks, setMarks] = useState(null); // where metrics and logs on the page end
  const shown = useMemo(() => job && (live?.modified < job.modified ? { ...live, ...job } : { ...job, ...live }), [job, live]);
  const over = Boolean(live?.over);
  useEffect(() => { // what it left is no part of events
    if (over && !job?.over) again();
  }, [over]);
  useEvents({ job: keyOf(kind, name), log: tab === "logs", usage: tab === "system" || undefined }, {
    job: (event) => setLive(event),
    metrics: (event) => metrics.current(event.series),
    log: (event) => log.current(event),
    usage: (event) => usage.current(event),
    gone: () => setGone(true),
    hello: () => {},
  }, { m: marks?.m ?? {}, l: marks?.l ?? {}, u: marks?.u ?? 0 }, shown !== null && marks?.tab === tab);
  useEffect(() => {
    if (!LIVE.includes(tab)) setMarks({ tab, m: {}, l: {} });
  }, [tab]);
  useEffect(() => { // on a phone not all of them are in sight
    const [all, one] = [".tabs", ".tabs [aria-current]"].map((each) => document.querySelector(each)?.getBoundingClientRect());
    if (one && one.right > all.right) document.querySelector(".tabs").scrollLeft += one.right - all.right;
  }, [tab, shown === null]);
  const running = shown && !shown.over;
  const now = useNow(1, Boolean(running));
  useKeys([
    ...tabs.map(([id, text], i) => ({ keys: String(i + 1), what: text, run: () => go(to(id)) })),
    { keys: "c", what: "clone as code", run: () => setOpen("clone") },
  ]);
  if (error && !shown) return html`<${Failed} error=${[400, 404].includes(error.status) ? { status: 404, message: `There is no ${kind} job named ${name}.` } : error} again=${again} />`;
  if (!shown) return html`<${Coming} title=${name} under />`;
  const full = tab === "logs";
  return html`
    <div class="head">
      <div class="grow"><div class="crumbs"><a href=${link(["jobs"])}>Jobs</a>${kind === "processing" && html` · <a href=${link(["jobs"], { filter: "kind:processing" })}>Processing</a>`}${shown.tuning && html` · <a href=${link(["tuning", shown.tuning])}>${shown.tuning}</a>`}${shown.trials.map(([trial, experiment]) => html` · <a href=${link(["experiments", experiment])}>${experiment}</a> / <a href=${link(["trials", trial])}>${trial}</a>`)}</div>
        <div class="row wrap"><h1 class="cut">${name}</h1><${Badge} status=${shown.status} secondary=${shown.secondary} /></div>
        <div class="quiet">${[plural(shown.hosts, "host"), shown.instance, image(shown.image), shown.backend, `${duration((shown.ended ?? now) - shown.created)}${running ? " so far" : ""}`].filter(Boolean).join(" · ")}</div></div>
      <${AsCode} /><div class="row">
        ${shown.component && html`<a class="button" href=${link(["components", shown.component])}>Component</a>`}
        <button class="button" onClick=${() => setOpen("compare")}>Compare</button>
        <button class="button" onClick=${() => setOpen("clone")}>Clone</button>
        ${running && html`<button class="button bad" disabled=${shown.status === "Stopping" || shown.stopRequested} onClick=${() => setOpen("stop")}>Stop</button>`}
      </div>
    </div>
    ${gone && html`<p class="note warn" role="status">This job was deleted; what is shown is what was known of it.</p>`}
    ${shown.failure && !full && html`<div class="note bad" role="alert"><b>Why it failed.</b> <${Long} text=${plain(shown.failure)} /> <a class="button small" href=${to("logs", { jump: "error" })}>First error in the log</a></div>`}
    ${shown.exitMessage && !full && html`<div class="note quiet" role="note" aria-label="Exit message"><b>Exit message.</b> <${Long} text=${plain(shown.exitMessage)} /></div>`}
    ${!full && html`<${Timeline} job=${shown} now=${now} states=${running ? shown.hostStates : undefined} />`}
    <nav class="tabs" aria-label="Parts of the job">${tabs.map(([id, text]) => html`<a href=${to(id)} aria-current=${tab === id ? "page" : undefined}>${text}</a>`)}</nav>
    ${tab === "metrics" && kind === "training" && html`<${JobMetrics} name=${name} mark=${shown.mark} running=${running} hear=${metrics} ready=${(m) => setMarks({ tab: "metrics", m, l: {} })} />`}
    ${tab === "logs" && html`<${LogView} kind=${kind} name=${name} running=${running} definitions=${job?.request?.AlgorithmSpecification?.MetricDefinitions ?? NONE} hear=${log} ready=${(l) => setMarks({ tab: "logs", m: {}, l })} />`}
    ${tab === "files" && (kind === "processing" ? html`<${Processed} job=${shown} />` : html`<${Files} job=${shown} />`)}
    ${tab === "request" && html`<${Request} job=${shown} />`}
    ${tab === "system" && html`<${JobSystem} path=${path} job=${shown} hear=${usage} ready=${(u) => setMarks({ tab: "system", m: {}, l: {}, u })} />`}
    ${open === "compare" && html`<${CompareWith} job=${shown} close=${() => setOpen("")} />`}
    ${open === "clone" && html`<${Clone} job=${shown} close=${() => setOpen("")} />`}
    ${open === "stop" && html`<${StopDialog} path=${path} title="Stop this job?" close=${() => setOpen("")}>${name} gets SIGTERM, and two minutes to end in good order unless it was given another time. What it wrote by then is kept.<//>`}`;
};

const NONE = [];
const LONG = 360;

const Long = ({ text }) => {
  const [open, setOpen] = useState(false);
  if (text.length <= LONG * 1.3) return text;
  return html`${open ? text : `${text.slice(0, LONG)}… `} <button class="button small" aria-expanded=${open} onClick=${() => setOpen(!open)}>${open ? "Less" : "All of it"}</button>`;
};

const KIND = { Training: "main", Processing: "main", Completed: "good", Failed: "bad", Stopped: "bad" };

/** The phases to scale: when each began, how long it took. */
const Timeline = ({ job, now, states }) => {
  const steps = job.steps.filter((step, i) => !(i === job.steps.length - 1 && job.over && (step.end ?? step.start) === step.start) || job.steps.length === 1);
  const start = job.steps[0].start;
  const end = Math.max(job.ended ?? now, start + 0.1);
  const span = end - start;
  return html`<section class="panel" aria-label="Phases"><div class="body gantt" role="list">
    ${steps.map((step) => {
      const to = step.end ?? (job.over ? step.start : now);
      const style = { left: `${((step.start - start) / span) * 100}%`, width: `${Math.max(0, (to - step.start) / span) * 100}%` };
      const kind = step.end === null && !job.over ? "live" : KIND[step.status] ?? "";
      return html`<span role="listitem" class="cut" title=${step.message}>${step.status}</span><span class="track" aria-hidden="true" title=${`${step.status}: ${step.message}, from ${clock(step.start)}`}><i class="bar ${kind}" style=${style}></i></span><span class="quiet num">${duration(to - step.start)}</span>`;
    })}
  </div>${job.hosts > 1 && Object.keys(states ?? {}).length > 0 && html`<ul class="below row wrap" aria-label="Hosts">${Object.entries(states).map(([host, state]) => html`<li key=${host}><a class="chip" href=${jobPage(job, ["logs"], { host })}>${host} <span class="quiet">${state.toLowerCase()}</span></a></li>`)}</ul>`}${(job.notes ?? []).length > 0 && html`<div class="below quiet small" role="note" aria-label="Notes">${job.notes.map((each) => html`<p>${each}</p>`)}</div>`}</section>`;
};

const Files = ({ job }) => html`<div class="two">
  <section class="panel" aria-label="Inputs"><header><h2>Inputs</h2></header><div class="scrolls"><table class="simple"><thead><tr><th>Channel</th><th>From</th><th>Mode</th></tr></thead><tbody>
    ${(job.request?.InputDataConfig ?? []).map((each) => html`<tr><td>${each.ChannelName}</td><td><${Uri} uri=${each.DataSource?.S3DataSource?.S3Uri} /></td><td>${each.InputMode ?? job.request.AlgorithmSpecification?.TrainingInputMode ?? "File"}</td></tr>`)}
    ${!(job.request?.InputDataConfig ?? []).length && html`<tr><td colspan="3" class="quiet">It has no channels.</td></tr>`}
  </tbody></table></div></section>
  <section class="panel" aria-label="Outputs"><header><h2>Outputs</h2></header><div class="body"><dl class="facts">
    ${Object.entries(job.artifacts ?? {}).map(([kind, uri]) => html`<dt>${kind}</dt><dd><${Uri} uri=${uri} /></dd>`)}
    ${!Object.keys(job.artifacts ?? {}).length && html`<dt>Outputs</dt><dd class="quiet">${job.over ? "It left none." : "They are stored when the hosts have ended."}</dd>`}
    ${job.version && html`<dt>Version</dt><dd><a href=${link(["models", job.version.name])}>${job.version.name} version ${job.version.version}</a> <span class="quiet">${size(job.version.size)}</span></dd>`}
  </dl></div></section></div>`;

/** What a processing job reads and writes. */
const Processed = ({ job }) => html`<div class="stack">
  <section class="panel" aria-label="Inputs"><header><h2>Inputs</h2></header><div class="scrolls"><table class="simple"><thead><tr><th>Input</th><th>From</th><th>To</th><th class="wide">Mode</th></tr></thead><tbody>
    ${job.inputs.map((each) => html`<tr><td>${each.name}</td><td><${Uri} uri=${each.uri} /></td><td class="mono">${each.path}</td><td class="wide">${each.mode}${each.distribution === "ShardedByS3Key" ? ", a part a host" : ""}</td></tr>`)}
    ${!job.inputs.length && html`<tr><td colspan="4" class="quiet">It has no inputs.</td></tr>`}
  </tbody></table></div></section>
  <section class="panel" aria-label="Outputs"><header><h2>Outputs</h2></header><div class="scrolls"><table class="simple"><thead><tr><th>Output</th><th>From</th><th>To</th><th class="wide">When</th></tr></thead><tbody>
    ${job.outputs.map((each) => html`<tr><td>${each.name}</td><td class="mono">${each.path}</td><td><${Uri} uri=${each.uri} /></td><td class="wide">${each.continuous ? "while it runs" : job.over ? (each.name in (job.artifacts ?? {}) ? "stored" : "not stored") : "at its end"}</td></tr>`)}
    ${!job.outputs.length && html`<tr><td colspan="4" class="quiet">It has no outputs.</td></tr>`}
  </tbody></table></div></section></div>`;

const Request = ({ job }) => {
  const [title, told] = job.kind === "processing" ? ["Environment", job.request?.Environment] : ["Hyperparameters", job.request?.HyperParameters];
  const hyper = Object.entries(told ?? {});
  return html`<div class="two">
    <section class="panel" aria-label="Request"><header><h2>${job.kind === "processing" ? "CreateProcessingJob" : "CreateTrainingJob"}</h2></header><div class="body"><${Code} text=${JSON.stringify(job.request, null, 2)} named="request" /></div></section>
    <div class="stack">
      <section class="panel" aria-label="Facts"><header><h2>Facts</h2></header><div class="body"><dl class="facts">
        <dt>ARN</dt><dd class="mono">${job.arn}</dd><dt>Created</dt><dd>${moment(job.created)}</dd>
        <dt>Ran for</dt><dd>${duration(job.billable)}</dd><dt>May run</dt><dd>${duration(job.maxRuntime)}</dd>
        <dt>Attempt</dt><dd>${job.attempt}</dd>${job.kind === "training" && html`<dt>Spot</dt><dd>${job.spot ? "yes" : "no"}</dd>`}
        ${Object.entries(job.tags ?? {}).map(([key, value]) => html`<dt>${key}</dt><dd>${value}</dd>`)}
      </dl></div></section>
      ${hyper.length > 0 && html`<section class="panel" aria-label=${title}><header><h2>${title}</h2></header><div class="body"><dl class="facts">${hyper.map(([key, value]) => html`<dt>${key}</dt><dd class="mono">${value}</dd>`)}</dl></div></section>`}
    </div></div>`;
};

const Clone = ({ job, close }) => {
  const [kind, setKind] = useState("boto3");
  const name = fresh(job.name);
  const ways = job.kind === "processing" ? [["boto3", "boto3"], ["aws", "AWS CLI"]] : [["boto3", "boto3"], ["sdk", "SageMaker SDK"], ["aws", "AWS CLI"]];
  const text = { boto3, sdk, aws }[kind](job.request, job.region, name, job.kind);
  return html`<${Dialog} title=${`Clone ${job.name}`} wide close=${close}><div class="stack">
    <div class="row" role="group" aria-label="As">${ways.map(([id, label]) => html`<button class="button small" data-first=${id === kind} aria-pressed=${id === kind} onClick=${() => setKind(id)}>${label}</button>`)}</div>
    <${Code} text=${text} named="the job as code" />
    <p class="quiet">Run it in a shell after <code>eval "$(sagelet env)"</code>.</p></div><//>`;
};
