// Every job of every kind: filtered, sorted, live.
import { html, useCallback, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { get } from "../core/api.js";
import { ago, image, plural } from "../core/format.js";
import { useAskedList, useDark, useEvents, useKeys, useNarrow, useNow, useRoom, useTitle } from "../core/hooks.js";
import { filterOf } from "../core/filter.js";
import { JobRows } from "../core/job-rows.js";
import { jobPage } from "../core/jobs.js";
import { measured } from "../core/measure.js";
import { change, go, link } from "../core/url.js";
import { AsCode } from "../parts/as-code.js";
import { Badge, Failed, Figure, FirstJob, Icon, Shape, Took } from "../parts/basics.js";
import { Swatch } from "../parts/lines.js";
import { StatisticPick, useStatistics } from "../parts/statistics.js";
import { fitting, Table } from "../parts/table.js";

const PAGE = 100;
/** How long the list waits for more to change, in milliseconds: by status, and by metrics. */
const SOON = { status: 300, metrics: 1000 };

export const Jobs = ({ about }) => {
  useTitle("Jobs");
  const query = new URLSearchParams(location.search);
  const [text, setText] = useState(query.get("filter") ?? "");
  const [sort, setSort] = useState({ id: query.get("sort") ?? "created", descending: query.get("up") !== "1" });
  const [total, setTotal] = useState(null);
  const [error, setError] = useState(null);
  const [, redraw] = useState(0);
  const rows = useRef(new JobRows());
  const asked = useRef(new Set());
  const round = useRef(0);
  const flying = useRef(0); // answers of this round that are not there yet
  const stale = useRef(false); // the list has changed since it was asked for
  const input = useRef(null);
  const phone = useNarrow();
  const room = useRoom();
  const [picked, setPicked] = useAskedList("c");
  const [stats, setStat] = useStatistics();
  const compare = () => picked.length > 1 && go(link(["compare"], { c: picked }));
  useKeys([
    { keys: "f", what: "filter jobs", run: () => input.current?.focus() },
    { keys: "c", what: "compare the chosen", run: compare },
  ]);

  const byMetrics = sort.id.startsWith("metric.") || filterOf(text).conditions.some((each) => each.kind === "metric");
  const timer = useRef(0);
  const again = useRef(() => {});
  /** Ask for the list again in a moment, or after the answers that are on their way. */
  const soon = () => {
    stale.current = true;
    if (flying.current || timer.current) return;
    timer.current = setTimeout(() => {
      timer.current = 0;
      if (stale.current && !flying.current) again.current(); // as it is filtered and sorted by then
    }, byMetrics ? SOON.metrics : SOON.status);
  };
  const settled = () => {
    flying.current -= 1;
    if (!flying.current && stale.current) soon();
  };
  useEffect(() => () => {
    clearTimeout(timer.current);
    round.current += 1; // answers that come later are nobody's
  }, []);

  const load = useCallback((page, mine = round.current) => {
    if (asked.current.has(page)) return;
    asked.current.add(page);
    flying.current += 1;
    get("jobs", { filter: text, sort: sort.id, descending: sort.descending ? "true" : "false", start: page * PAGE, limit: PAGE }).then(
      (found) => {
        if (mine !== round.current) return;
        rows.current.put(page * PAGE, found.rows, found.total);
        setTotal(found.total);
        setError(null);
        redraw((each) => each + 1);
        settled();
      },
      (refused) => {
        if (mine !== round.current) return;
        asked.current.delete(page);
        setError(refused);
        settled();
      },
    );
  }, [text, sort.id, sort.descending]);
  const restart = useCallback((keep) => {
    round.current += 1;
    flying.current = 0;
    stale.current = false;
    asked.current = new Set();
    if (!keep) rows.current.clear();
    load(0);
  }, [load]);
  useEffect(() => {
    const timer = setTimeout(() => {
      restart(false);
      change({ filter: text, sort: sort.id === "created" ? "" : sort.id, up: sort.descending ? "" : "1" });
    }, total === null ? 0 : 150);
    return () => clearTimeout(timer);
  }, [text, sort.id, sort.descending]);

  again.current = () => restart(true);
  const heard = useRef(false);
  useEvents({ jobs: true }, {
    hello: () => {
      if (heard.current) soon(); // jobs may have been deleted while there was no connection
      heard.current = true;
    },
    jobs: (event) => {
      if (rows.current.take(event, byMetrics)) soon();
      redraw((each) => each + 1);
    },
  }, { t: Date.now() / 1000 - 60 });
  const now = useNow(5);
  const metrics = pickMetrics(about?.metrics ?? [], query.get("metrics"), 3);
  const dark = useDark();
  const metric = (name, place) => {
    const statistic = stats[name] ?? "last";
    return {
      id: name, spare: place && 5 + place, title: name, num: true, min: Math.min(190, Math.max(104, 70 + name.length * 7)), flex: 0.7, sort: `metric.${name}.${statistic}`, cell: (job) => html`<${Figure} cell value=${measured(job, name, statistic)} />`,
      head: html`<${StatisticPick} metric=${name} statistic=${statistic} onStat=${setStat} />`,
    };
  };
  const columns = fitting([
    { id: "name", title: "Job", sort: "name", min: phone ? 110 : 196, flex: 2.2, cell: (job) => html`<span class="row"><${Swatch} mark=${job.mark} dark=${dark} /><span class="cut" title=${job.name}>${job.name}</span>${job.kind === "processing" && html`<${Processing} short=${phone} />`}</span>` },
    { id: "status", title: "Status", sort: "status", min: 102, flex: 0.7, cell: (job) => html`<${Badge} status=${job.status} secondary=${job.secondary} />` },
    ...(phone ? [] : metrics.map(metric)),
    ...(phone ? [] : [
      { id: "trial", title: "Trial or tuning", min: 112, flex: 0.9, spare: 2, cell: (job) => html`<${Within} job=${job} />` },
      { id: "created", title: "Created", sort: "created", num: true, min: 84, spare: 1, flex: 0.6, cell: (job) => html`<span class="quiet">${ago(job.created, now)}</span>` },
    ]),
    ...(phone ? [] : [
      { id: "duration", title: "Took", sort: "duration", num: true, min: 78, flex: 0.6, cell: (job) => html`<${Took} cell seconds=${(job.ended ?? now) - job.created} />` },
      { id: "hosts", title: "Hosts", sort: "hosts", num: true, min: 48, flex: 0, spare: 8, cell: (job) => html`<${Figure} cell value=${job.hosts} />` },
      { id: "image", title: "Image", sort: "image", min: 150, flex: 1, spare: 9, cell: (job) => html`<span class="quiet" title=${job.image}>${image(job.image)}</span>` },
    ]),
  ], room);
  if (error && total === null) return html`<${Failed} error=${error} again=${() => restart(false)} />`;
  const bare = total === 0 && !text;
  return html`
    <div class="head">
      <div class="grow"><h1>Jobs</h1><span class="quiet" role="status">${total === null ? "" : plural(total, "job")}</span></div><${AsCode} />
      <label class="grow" style=${{ maxWidth: "520px" }}><span class="unseen">Filter jobs</span>
        <input class="input" style=${{ width: "100%" }} ref=${input} type="search" value=${text} placeholder="name   kind:processing   status:failed   metric.loss.min < 0.2   is:unassigned" onInput=${(e) => setText(e.currentTarget.value)} /></label>
      <label><span class="unseen">Kind</span><select class="select" value=${kindOf(text)} onChange=${(e) => setText(withKind(text, e.currentTarget.value))}><option value="">all kinds</option><option value="training">training</option><option value="processing">processing</option></select></label>
      ${picked.length > 0 && html`<div class="row"><button class="button bare" onClick=${() => setPicked([])}>Choose none</button><button class="button main" disabled=${picked.length < 2} onClick=${compare}>Compare ${picked.length}</button></div>`}
    </div>
    ${error && html`<p class="note bad" role="alert">${error.message}</p>`}
    ${total === null ? html`<${Shape} />`
      : bare ? html`<section class="panel"><${FirstJob} /></section>`
      : total === 0 ? html`<section class="panel empty"><h2>No job is like that</h2><p class="quiet">Words are looked for in names; <code>status:failed</code>, <code>trial:NAME</code>, <code>tuning:NAME</code>, <code>parameter.NAME = 3</code> and <code>metric.NAME.max > 0.9</code> narrow further.</p><button class="button" onClick=${() => setText("")}>Show all</button></section>`
      : html`<${Table} label="Jobs" columns=${columns} total=${total} rowAt=${(i) => rows.current.get(i)} need=${load} href=${(job) => jobPage(job)} pointing chosen=${new Set(picked)} onChoose=${(next) => setPicked([...next])}
          sort=${sort} onSort=${(id) => setSort((old) => ({ id, descending: old.id === id ? !old.descending : id !== "name" }))} />`}`;
};

/** What a processing job has beside its name. */
const Processing = ({ short }) => html`<span class="crown none" title="a processing job">${short ? html`<${Icon} name="processing" /><span class="unseen">processing</span>` : "processing"}</span>`;

/** The tuning job that a job is a part of, or else its trial. */
const Within = ({ job }) => {
  if (job.tuning) return html`<span title=${`of the tuning job ${job.tuning}`}>${job.tuning}</span>`;
  if (!job.trials.length) return html`<span class="quiet">–</span>`;
  return html`<span title=${job.trials.map((each) => each.join(" in ")).join(", ")}>${job.trials[0][0]}</span>`;
};

/** The one kind that a filter names. */
function kindOf(text) {
  return /(?:^|\s)kind:(training|processing)(?=\s|$)/i.exec(text)?.[1].toLowerCase() ?? "";
}

/** The filter with another kind. */
function withKind(text, kind) {
  const rest = text.replace(/(^|\s)kind:\S*/gi, "").trim();
  return [kind && `kind:${kind}`, rest].filter(Boolean).join(" ");
}

/** The metrics a table has room for: those asked for in the address, else the ones people mean. */
function pickMetrics(names, asked, most) {
  if (asked) return asked.split(",").filter((each) => names.includes(each));
  const rank = (name) => (/acc|auc|f1|score/i.test(name) ? 0 : /loss|error/i.test(name) ? 1 : 2) + (/val|test/i.test(name) ? 0 : 0.5);
  return [...names].sort((a, b) => rank(a) - rank(b)).slice(0, most);
}
