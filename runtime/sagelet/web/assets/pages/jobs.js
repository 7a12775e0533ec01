// Every training job: filtered, sorted, live.
import { html, useCallback, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { get } from "../core/api.js";
import { colorOf, isDark } from "../core/colors.js";
import { ago, duration, figure, image, plural } from "../core/format.js";
import { useEvents, useKeys, useNow, useTitle } from "../core/hooks.js";
import { change, link } from "../core/url.js";
import { Badge, Failed, FirstJob, Loading } from "../parts/basics.js";
import { Table } from "../parts/table.js";

const PAGE = 100;

export const Jobs = ({ about }) => {
  useTitle("Jobs");
  const query = new URLSearchParams(location.search);
  const [text, setText] = useState(query.get("filter") ?? "");
  const [sort, setSort] = useState({ id: query.get("sort") ?? "created", descending: query.get("up") !== "1" });
  const [total, setTotal] = useState(null);
  const [error, setError] = useState(null);
  const [, redraw] = useState(0);
  const rows = useRef(new Map());
  const asked = useRef(new Set());
  const round = useRef(0);
  const input = useRef(null);
  const phone = useNarrow();
  useKeys([{ keys: "f", what: "filter jobs", run: () => input.current?.focus() }]);

  const load = useCallback((page, mine = round.current) => {
    if (asked.current.has(page)) return;
    asked.current.add(page);
    get("jobs", { filter: text, sort: sort.id, descending: sort.descending ? "true" : "false", start: page * PAGE, limit: PAGE }).then(
      (found) => {
        if (mine !== round.current) return;
        found.rows.forEach((row, i) => rows.current.set(page * PAGE + i, row));
        setTotal(found.total);
        setError(null);
        redraw((each) => each + 1);
      },
      (refused) => {
        if (mine !== round.current) return;
        asked.current.delete(page);
        setError(refused);
      },
    );
  }, [text, sort.id, sort.descending]);
  const restart = useCallback((keep) => {
    round.current += 1;
    asked.current = new Set();
    if (!keep) rows.current = new Map();
    load(0);
  }, [load]);
  useEffect(() => {
    const timer = setTimeout(() => {
      restart(false);
      change({ filter: text, sort: sort.id === "created" ? "" : sort.id, up: sort.descending ? "" : "1" });
    }, total === null ? 0 : 150);
    return () => clearTimeout(timer);
  }, [text, sort.id, sort.descending]);

  const later = useRef(0);
  const latest = useRef(restart); // by then something else may have been typed
  latest.current = restart;
  useEvents({ jobs: true }, {
    jobs: (event) => {
      const at = new Map([...rows.current].map(([index, row]) => [row.name, index]));
      let moved = event.gone.length > 0;
      for (const row of event.rows) {
        if (at.has(row.name)) rows.current.set(at.get(row.name), row);
        else moved = true;
      }
      redraw((each) => each + 1);
      if (moved && !later.current) {
        later.current = setTimeout(() => {
          later.current = 0;
          latest.current(true);
        }, 300);
      }
    },
  }, { t: Date.now() / 1000 - 60 });
  const now = useNow(5);
  const metrics = pickMetrics(about?.metrics ?? [], query.get("metrics"));
  const dark = isDark();
  const columns = [
    { id: "name", title: "Job", sort: "name", width: phone ? "minmax(90px, 1fr)" : "minmax(150px, 2.2fr)", cell: (job) => html`<span class="row"><i class="dot" style=${{ width: "8px", height: "8px", borderRadius: "2px", flex: "none", background: colorOf(job.name, dark) }}></i><span class="cut" title=${job.name}>${job.name}</span></span>` },
    { id: "status", title: "Status", sort: "status", width: "minmax(102px, 0.7fr)", cell: (job) => html`<${Badge} status=${job.status} secondary=${job.secondary} />` },
    ...(phone ? [] : metrics.map((name) => ({ id: name, title: name, sort: `metric.${name}`, num: true, width: "minmax(80px, 0.7fr)", cell: (job) => figure(job.metrics[name]) }))),
    ...(phone ? [] : [{ id: "created", title: "Created", sort: "created", num: true, width: "minmax(92px, 0.6fr)", cell: (job) => html`<span class="quiet">${ago(job.created, now)}</span>` }]),
    { id: "duration", title: "Took", sort: "duration", num: true, width: phone ? "76px" : "minmax(88px, 0.6fr)", cell: (job) => duration((job.ended ?? now) - job.created) },
    ...(phone ? [] : [
      { id: "hosts", title: "Hosts", sort: "hosts", num: true, width: "48px", cell: (job) => job.hosts },
      { id: "image", title: "Image", sort: "image", width: "minmax(100px, 1fr)", cell: (job) => html`<span class="quiet" title=${job.image}>${image(job.image)}</span>` },
    ]),
  ];
  if (error && total === null) return html`<${Failed} error=${error} again=${() => restart(false)} />`;
  const bare = total === 0 && !text;
  return html`
    <div class="head">
      <div class="grow"><h1>Jobs</h1><span class="quiet" role="status">${total === null ? "" : plural(total, "job")}</span></div>
      <label class="grow" style=${{ maxWidth: "520px" }}><span class="unseen">Filter jobs</span>
        <input class="input" style=${{ width: "100%" }} ref=${input} type="search" value=${text} placeholder="name   status:failed   metric.test:accuracy > 0.9" onInput=${(e) => setText(e.currentTarget.value)} /></label>
    </div>
    ${error && html`<p class="note bad" role="alert">${error.message}</p>`}
    ${total === null ? html`<${Loading} />`
      : bare ? html`<section class="panel"><${FirstJob} /></section>`
      : total === 0 ? html`<section class="panel empty"><h2>No job is like that</h2><p class="quiet">Words are looked for in names; <code>status:failed</code> and <code>metric.NAME > 0.9</code> narrow further.</p><button class="button" onClick=${() => setText("")}>Show all</button></section>`
      : html`<${Table} label="Training jobs" columns=${columns} total=${total} rowAt=${(i) => rows.current.get(i)} need=${load} href=${(job) => link(["jobs", job.name])}
          sort=${sort} onSort=${(id) => setSort((old) => ({ id, descending: old.id === id ? !old.descending : id !== "name" }))} />`}`;
};

/** The metrics a table has room for: those asked for in the address, else the ones people mean. */
function pickMetrics(names, asked) {
  if (asked) return asked.split(",").filter((each) => names.includes(each));
  const rank = (name) => (/acc|auc|f1|score/i.test(name) ? 0 : /loss|error/i.test(name) ? 1 : 2) + (/val|test/i.test(name) ? 0 : 0.5);
  return [...names].sort((a, b) => rank(a) - rank(b)).slice(0, 3);
}

function useNarrow() {
  const media = matchMedia("(max-width: 760px)");
  const [narrow, set] = useState(media.matches);
  useEffect(() => {
    const hear = () => set(media.matches);
    media.addEventListener("change", hear);
    return () => media.removeEventListener("change", hear);
  }, []);
  return narrow;
}
