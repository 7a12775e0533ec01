// What runs now, what ran last, and how this machine is.
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { plain } from "../core/ansi.js";
import { get } from "../core/api.js";
import { ago, duration, figure, plural, size } from "../core/format.js";
import { useApi, useEvents, useNow, useSoon, useTitle } from "../core/hooks.js";
import { merged } from "../core/job-rows.js";
import { jobPage, jobPath } from "../core/jobs.js";
import { measured } from "../core/measure.js";
import { value } from "../core/series.js";
import { link } from "../core/url.js";
import { AsCode } from "../parts/as-code.js";
import { Badge, Code, Coming, Failed, FirstJob, Spark } from "../parts/basics.js";
import { tone } from "../core/colors.js";

const LIVE = "status:InProgress,Stopping";
/** So many jobs that run have a line. */
const MOST = 100;
/** So many tuning jobs and experiments. */
const SHOWN = 4;

export const Overview = ({ about }) => {
  useTitle("");
  const [recent, error, again] = useApi("jobs", { limit: 8 });
  const [live, , liveAgain] = useApi("jobs", { limit: MOST, filter: LIVE });
  const [rows, setRows] = useState(null);
  const [counts, setCounts] = useState(null);
  const [alive, setAlive] = useState(0); // how many run
  const told = useRef(new Set()); // whom events told of since there is a connection
  // What came by the stream meanwhile may be newer than the answers.
  useEffect(() => recent && setRows((old) => merged([...recent.rows, ...(live?.rows ?? [])], (old ?? []).filter((each) => told.current.has(each.key)))), [recent, live]);
  useEffect(() => live && setAlive(live.total), [live]);
  useEffects(about, setCounts);
  const [backend] = useApi("backend");
  const [tracked, notTracked, trackedAgain] = useApi("experiments", { limit: 2 * SHOWN });
  const [tunings, noTunings, tuningsAgain] = useKept("tuning-jobs", { limit: SHOWN });
  const watch = recent ? recent.rows.reduce((most, each) => Math.max(most, each.modified), 0) : 0;
  const search = useSoon(tuningsAgain);
  const track = useSoon(trackedAgain);
  const heard = useRef(false);
  useEvents({ jobs: true, tunings: true, tracked: true }, {
    hello: () => {
      if (heard.current) [search, track, again, liveAgain].forEach((each) => each()); // what was missed meanwhile
      heard.current = true;
      told.current.clear();
    },
    tunings: search,
    tracked: track,
    jobs: (event) => {
      event.rows.forEach((each) => told.current.add(each.key));
      setRows((old) => merged(event.rows, old ?? []).filter((each) => !event.gone.includes(each.key)));
      setCounts(event.counts);
      setAlive((event.counts.InProgress ?? 0) + (event.counts.Stopping ?? 0));
    },
  }, { t: watch }, recent !== null);
  const running = (rows ?? []).filter((each) => ["live", "warn"].includes(tone(each.status)) && !each.ended);
  const now = useNow(1, running.length > 0);
  if (error && !rows) return html`<${Failed} error=${error} again=${() => (again(), liveAgain())} />`;
  if (!rows) return html`<${Coming} title="Overview" />`;
  const latest = rows.filter((each) => each.ended).slice(0, 8);
  const done = counts ?? {};
  const searches = tunings?.rows ?? [];
  const own = new Set(searches.map((each) => `${each.name}-aws-tuning-job`)); // shown as what they are
  const experiments = (tracked?.rows ?? []).filter((each) => !own.has(each.name)).slice(0, SHOWN);
  const bare = !rows.length && !searches.length && !experiments.length;
  if (bare && ((!tracked && !notTracked) || (!tunings && !noTunings))) return html`<${Coming} title="Overview" />`;
  return html`
    <div class="head"><h1 class="grow">Overview</h1><${AsCode} /></div>
    ${bare ? html`<section class="panel"><${FirstJob} /></section>` : html`
    <section class="cards" aria-label="Numbers">
      ${[["InProgress", "running or waiting"], ["Completed", "completed"], ["Failed", "failed"], ["Stopped", "stopped"]].map(([status, text]) => html`
        <a class="panel card" href=${link(["jobs"], { filter: `status:${status}` })}><b>${done[status] ?? 0}</b><span>${text}</span></a>`)}
      ${backend && html`<${Backend} backend=${backend} />`}
      ${about && html`<a class="panel card" href=${link(["settings"])}><b>${size(about.disk.free)}</b><span>free of ${size(about.disk.total)}</span></a>`}
    </section>
    <section class="panel" aria-label="Running"><header><h2 class="grow">Running</h2><span class="quiet">${plural(Math.max(alive, running.length), "job")}</span></header>
      ${running.length ? running.slice(0, MOST).map((job) => html`<${Strip} key=${job.key} job=${job} now=${now} />`) : html`<p class="pad quiet">Nothing runs now.</p>`}
      ${alive > Math.min(MOST, running.length) && running.length > 0 && html`<p class="pad"><a href=${link(["jobs"], { filter: LIVE })}>All that run</a></p>`}
    </section>
    <div class="two">
      <section class="panel" aria-label="Last"><header><h2 class="grow">Ended last</h2><a href=${link(["jobs"])}>All jobs</a></header>
        <div class="scrolls"><table class="simple"><thead><tr><th>Job</th><th>Status</th><th class="num wide">Took</th><th class="num wide">Ended</th></tr></thead><tbody>
          ${latest.map((job) => html`<tr><td><a href=${jobPage(job)}>${job.name}</a>${within(job) && html`<div class="quiet">${within(job)}</div>`}${job.failure && html`<div class="quiet why">${first(plain(job.failure))}</div>`}</td><td><${Badge} status=${job.status} secondary=${job.secondary} /></td><td class="num wide">${duration(job.ended - job.created)}</td><td class="num quiet wide">${ago(job.ended, Date.now() / 1000)}</td></tr>`)}
          ${!latest.length && html`<tr><td colspan="4" class="quiet">No job has ended yet.</td></tr>`}
        </tbody></table></div></section>
      <div class="stack">
      ${searches.length > 0 && html`<section class="panel" aria-label="Tuning"><header><h2 class="grow">Tuning</h2><a href=${link(["tuning"])}>All</a></header>
        ${searches.map((each) => html`<${Search} key=${each.name} tuning=${each} />`)}</section>`}
      ${experiments.length > 0 && html`<section class="panel" aria-label="Experiments"><header><h2 class="grow">Experiments</h2><a href=${link(["experiments"])}>All</a></header>
        ${experiments.map((each) => html`<a class="strip two-wide" href=${link(["experiments", each.name])}><span class="stack none"><b class="cut">${each.title}</b><span class="quiet cut">${each.best ? html`<b>${figure(measured(each.best, each.objective.name))}</b> ${each.best.trials[0]?.[0] ?? each.best.title}` : plural(each.components, "component")}</span></span><span><${Spark} values=${each.course} /></span></a>`)}</section>`}
      <section class="panel" aria-label="Clients"><header><h2>Use it from a shell</h2></header><div class="body stack">
        <p class="quiet">Clients of AWS in that shell come here.</p><${Code} text=${'eval "$(sagelet env)"'} named="command" /></div></section></div>
    </div>`}`;
};

/** A tuning job: how far it is, its best. */
const Search = ({ tuning }) => {
  const { best } = tuning;
  const far = tuning.over ? plural(tuning.launched, "job") : `${tuning.launched}${tuning.most ? ` of ${tuning.most}` : ""} launched`;
  return html`<a class="strip two-wide" href=${link(["tuning", tuning.name])}><span class="stack none"><span class="row"><b class="cut" title=${tuning.name}>${tuning.name}</b>${!tuning.over && html`<${Badge} status=${tuning.status} />`}</span><span class="quiet cut">${best ? html`<b>${figure(value(best.value))}</b> #${best.number} · ${far}` : far}</span></span><span><${Spark} values=${tuning.course} /></span></a>`;
};

/** The same as useApi; what was there stays until there is newer. */
function useKept(path, query) {
  const [found, error, again] = useApi(path, query);
  const kept = useRef(null);
  if (found) kept.current = found;
  return [found ?? kept.current, error, again];
}

function useEffects(about, setCounts) {
  useEffect(() => about && setCounts((old) => old ?? about.counts), [about]);
}

const Strip = ({ job, now }) => {
  const [values, setValues] = useState([]);
  const name = Object.keys(job.metrics).sort((a, b) => rank(a) - rank(b))[0];
  useEffect(() => {
    if (!name) return;
    get(`${jobPath(job)}/series`, { metric: name, width: 40 }).then((found) => setValues(found.series[name].value), () => {});
  }, [name]);
  useEffect(() => name && setValues((old) => [...old.slice(-160), job.metrics[name].last]), [job.metrics[name]?.last]);
  const [said, setSaid] = useState("");
  useEffect(() => {
    const stop = new AbortController();
    get(`${jobPath(job)}/lines`, { back: true, count: 1 }, { signal: stop.signal }).then((page) => page.lines.length && setSaid(plain(page.lines[0][3])), () => {});
    return () => stop.abort();
  }, [job.modified, name && job.metrics[name].time]);
  return html`<a class="strip" href=${jobPage(job)}>
    <span class="stack" style=${{ gap: "1px" }}><b class="cut">${job.name}</b><span class="quiet cut">${[within(job), plural(job.hosts, "host"), job.message].filter(Boolean).join(" · ")}</span>${said && html`<span class="quiet cut mono">${said}</span>`}</span>
    <${Badge} status=${job.status} secondary=${job.secondary} />
    <span class="wide"><${Spark} values=${values} /></span>
    <span class="wide cut">${name ? html`<span class="quiet">${name}</span> ${figure(job.metrics[name].last)}` : ""}</span>
    <span class="wide num">${duration(now - job.created)}</span>
  </a>`;
};

/** The trial or the tuning job that a job is a part of. */
const within = (job) => job.tuning || job.trials[0]?.[0] || "";

/** What jobs run on that do not say it. */
const Backend = ({ backend }) => html`<a class="panel card" href=${link(["settings"])} title=${backend.why}><b>${backend.name === "docker" ? "Docker" : "Processes"}</b><span>${backend.ready ? backend.name === "docker" ? "runs the jobs" : "run the jobs" : "does not answer: no job runs"}</span></a>`;

/** What people look at first. */
function rank(name) {
  return (/acc|auc|f1|score/i.test(name) ? 0 : /loss|error/i.test(name) ? 1 : 2) + (/val|test/i.test(name) ? 0 : 0.5);
}

const first = (text) => (text.length > 140 ? `${text.slice(0, 140)}…` : text);
