// One tuning job: its training jobs as they come, the best so far, ranges against the objective.
import { html, useEffect, useMemo, useState } from "../vendor/preact-htm.js";
import { plain } from "../core/ansi.js";
import { duration, moment, plural } from "../core/format.js";
import { useApi, useAsked, useAskedList, useDark, useEvents, useKeys, useNarrow, useNow, useTitle } from "../core/hooks.js";
import { jobPage } from "../core/jobs.js";
import { value } from "../core/series.js";
import { merged, objective, ordered } from "../core/tuning.js";
import { go, link } from "../core/url.js";
import { Course } from "../charts/course.js";
import { Parallel } from "../charts/parallel.js";
import { Scatter } from "../charts/scatter.js";
import { AsCode } from "../parts/as-code.js";
import { Badge, Code, Coming, Failed, Figure, Took } from "../parts/basics.js";
import { Section } from "../parts/comparison.js";
import { Swatch } from "../parts/lines.js";
import { StopDialog } from "../parts/stop.js";
import { Table } from "../parts/table.js";

/** So many hyperparameters have a column. */
const COLUMNS = 10;

export const Tuning = ({ name }) => {
  useTitle(name);
  const path = `tuning-jobs/${encodeURIComponent(name)}`;
  const [found, error, again] = useApi(path);
  const [live, setLive] = useState(null);
  const [gone, setGone] = useState(false);
  const [open, setOpen] = useState("");
  const [sorted, setSorted] = useAsked("sort");
  const [up, setUp] = useAsked("up");
  const [picked, setPicked] = useAskedList("c");
  const phone = useNarrow();
  const dark = useDark();
  useEffect(() => found && setLive((old) => (old ? { ...found, ...old } : found)), [found]);
  useEvents({ tuning: name }, {
    tuning: ({ jobs, ...head }) => setLive((old) => ({ ...old, ...head, jobs: merged(old.jobs, jobs) })),
    gone: () => setGone(true),
  }, {}, live !== null);
  const shown = live ?? found;
  const running = Boolean(shown && !shown.over);
  const now = useNow(1, running);
  const many = (shown?.definitions.length ?? 0) > 1;
  const [which, setWhich] = useAsked("definition");
  const at = Math.min(Number(which) || 0, Math.max(0, (shown?.definitions.length ?? 1) - 1));
  const definition = shown?.definitions[at];
  const rows = useMemo(() => (shown ? shown.jobs.filter((each) => each.definition === at) : []), [shown?.jobs, at]);
  const labels = useMemo(() => new Map(rows.map((each) => [each.name, `#${each.number}`])), [rows]);
  const compare = () => go(link(["compare"], { c: picked, objective: definition.objective, best: definition.low ? "low" : "high" }));
  useKeys([
    { keys: "c", what: "compare the chosen", run: () => picked.length > 1 && compare() },
  ]);
  if (error && !shown) return html`<${Failed} error=${error.status === 400 ? { status: 404, message: error.message } : error} again=${again} />`;
  if (!shown) return html`<${Coming} title=${name} under />`;
  const sort = { id: sorted || "number", descending: sorted ? up !== "1" : true };
  const inOrder = ordered(rows, sort.id, sort.descending, now);
  const onSort = (id) => {
    setUp(id === sort.id ? (sort.descending ? "1" : "") : id === "objective" && definition.low ? "1" : "");
    setSorted(id);
  };
  const { best, counts } = shown;
  const facts = [shown.strategy, `${shown.launched}${shown.most ? ` of ${shown.most}` : ""} launched`, `${shown.parallel} at once`, counts.early && `${counts.early} stopped early`, counts.Failed && `${counts.Failed} failed`, `${duration((shown.ended ?? now) - shown.created)}${running ? " so far" : ""}`];
  return html`
    <div class="head">
      <div class="grow"><div class="crumbs"><a href=${link(["tuning"])}>Tuning</a> · <a href=${link(["experiments", shown.experiment])}>its experiment</a></div>
        <div class="row wrap"><h1 class="cut">${name}</h1><${Badge} status=${shown.status} /></div>
        <div class="quiet" role="status">${facts.filter(Boolean).join(" · ")}</div></div>
      <${AsCode} />
      <div class="row">
        ${picked.length > 0 && html`<button class="button bare" onClick=${() => setPicked([])}>Choose none</button><button class="button main" disabled=${picked.length < 2} onClick=${compare}>Compare ${picked.length}</button>`}
        <button class="button" onClick=${() => setOpen(open === "request" ? "" : "request")} aria-expanded=${open === "request"}>Request</button>
        ${running && html`<button class="button bad" disabled=${shown.stopping || shown.status === "Stopping"} onClick=${() => setOpen("stop")}>Stop</button>`}
      </div>
    </div>
    ${gone && html`<p class="note warn" role="status">This tuning job was deleted; what is shown is what was known of it.</p>`}
    ${shown.failure && html`<div class="note bad" role="alert"><b>Why it failed.</b> ${plain(shown.failure)}</div>`}
    ${shown.converged && html`<p class="note quiet">It converged at ${moment(shown.converged)}: more training jobs are unlikely to find better.</p>`}
    ${open === "request" && html`<section class="panel" aria-label="Request"><header><h2>CreateHyperParameterTuningJob</h2></header><div class="body"><${Code} text=${JSON.stringify(shown.request, null, 2)} named="request" /></div></section>`}
    ${many && html`<div class="row wrap" role="group" aria-label="Definition">${shown.definitions.map((each, i) => html`<button class="button small" aria-pressed=${i === at} onClick=${() => setWhich(i ? String(i) : "")}>${each.name ?? `definition ${i + 1}`}</button>`)}</div>`}
    <div class="two">
      <section class="panel" aria-label="Course"><header><h2 class="grow cut">${definition.objective}</h2><span class="quiet">${definition.low ? "less is better" : "more is better"}</span></header><div class="body"><${Course} rows=${rows} low=${definition.low} title=${definition.objective} /></div></section>
      <section class="panel" aria-label="Best"><header><h2 class="grow">${running ? "Best so far" : "Best"}</h2>${best && html`<${Figure} strong value=${value(best.value)} />`}</header><div class="body">
        ${best ? html`<dl class="facts"><dt>Training job</dt><dd><a href=${jobPage(best)}>#${best.number} ${best.name}</a></dd>${Object.entries(best.parameters).map(([key, each]) => html`<dt>${key}</dt><dd class="mono">${each}</dd>`)}</dl>`
          : html`<p class="quiet">${running ? "No training job has ended with a value yet." : "No training job ended with a value."}</p>`}
        ${shown.warmStart && html`<p class="quiet">It knew ${shown.warmStart.parents.map((each, i) => html`${i ? ", " : ""}<a href=${link(["tuning", each])}>${each}</a>`)} (${shown.warmStart.type}).</p>`}
      </div></section>
    </div>
    ${rows.length > 0 ? html`<${Table} fit pointing label="Training jobs" columns=${columnsOf(definition, best, now, phone, dark)} total=${inOrder.length} rowAt=${(i) => inOrder[i]} href=${(row) => jobPage(row)} sort=${sort} onSort=${onSort} chosen=${new Set(picked)} onChoose=${(next) => setPicked([...next])} />`
      : html`<section class="panel"><p class="pad quiet">${running ? "Its training jobs show up here as they are launched." : "It has launched no training job."}</p></section>`}
    <${Ranges} definition=${definition} rows=${rows} labels=${labels} />
    ${open === "stop" && html`<${StopDialog} path=${path} title="Stop this tuning job?" close=${() => setOpen("")}>${plural(counts.InProgress, "training job runs", "training jobs run")} and will be stopped, and no other is launched. What was found by then is kept.<//>`}`;
};

/** What a training job was told, and how it went; what was searched has a column each. */
function columnsOf(definition, best, now, phone, dark) {
  const crown = (row) => (row.name === best?.name ? html`<span class="crown">best</span>` : "");
  return [
    { id: "name", title: phone ? "Job" : "Training job", sort: "number", min: phone ? 76 : 170, flex: 1.6, cell: (row) => html`<span class="row"><${Swatch} mark=${row.mark} dark=${dark} /><span class="cut" title=${row.name}>#${row.number}${!phone && html`<span class="quiet"> ${row.name}</span>`}</span>${crown(row)}</span>` },
    { id: "objective", title: definition.objective, sort: "objective", num: true, min: phone ? 96 : Math.min(180, Math.max(96, 40 + definition.objective.length * 7)), flex: 0.7, cell: (row) => html`<span class=${row.counts ? "" : "quiet"} title=${row.settled ? "" : "so far"}><${Figure} cell value=${row.objective === null ? undefined : objective(row)} /></span>` },
    { id: "status", title: "Status", sort: "status", min: 112, flex: 0.6, cell: (row) => (row.early ? html`<span class="badge warn" title="The tuning job stopped it before its end">stopped early</span>` : html`<span title=${row.failure ?? ""}><${Badge} status=${row.status} /></span>`) },
    ...(phone ? [] : definition.ranges.slice(0, COLUMNS).map((range) => ({
      id: range.name, title: range.name, sort: `parameter.${range.name}`, num: !range.values, min: Math.min(150, Math.max(70, 22 + range.name.length * 7.5)), flex: 0.6,
      cell: (row) => {
        const given = row.parameters[range.name];
        return typeof given === "string" ? given : html`<${Figure} cell value=${given} />`;
      },
    }))),
    ...(phone ? [] : [{ id: "took", title: "Took", sort: "took", num: true, min: 78, flex: 0.5, cell: (row) => html`<${Took} cell seconds=${row.started ? (row.ended ?? now) - row.started : undefined} />` }]),
  ];
}

/** Each range against the objective, and all of them at once. */
const Ranges = ({ definition, rows, labels }) => {
  const told = rows.filter((each) => Number.isFinite(objective(each)));
  const up = useMemo(() => ({ id: "objective", title: definition.objective, low: null, read: objective }), [definition.objective]);
  const axes = useMemo(() => [...definition.ranges.map((range) => ({ id: range.name, title: range.name, low: null, numeric: !range.values, log: range.log, read: (row) => row.parameters[range.name] })), up], [JSON.stringify(definition.ranges), up]);
  const [kept, setKept] = useState(null);
  if (told.length < 2) return "";
  const numeric = axes.filter((each) => each.numeric);
  return html`
    ${axes.length > 2 && html`<${Section} title="Hyperparameters together" note=${kept ? `${kept.size} of ${plural(told.length, "training job")} kept` : "drag along an axis to keep a part"}>${() => html`<div class="panel"><div class="body"><${Parallel} rows=${told} axes=${axes} objective=${up} low=${definition.low} labels=${labels} onKeep=${setKept} /></div></div>`}<//>`}
    ${numeric.length > 0 && html`<${Section} title="Ranges against the objective">${() => html`<div class="charts">${numeric.map((each) => html`<section class="panel" key=${each.id} aria-label=${each.title}><div class="body"><${Scatter} rows=${told} x=${each} y=${up} labels=${labels} kept=${kept} height=${240} what="training job" page=${jobPage} /></div></section>`)}</div>`}<//>`}`;
};
