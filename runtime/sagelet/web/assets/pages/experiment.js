// One experiment on one screen: its components as a table, what is chosen of them as charts.
import { html, useCallback, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { get } from "../core/api.js";
import { plural } from "../core/format.js";
import { useApi, useAsked, useAskedList, useDark, useKeys, useNarrow, useNow, useRoom, useTitle, useTracked } from "../core/hooks.js";
import { labels, statsOf } from "../core/measure.js";
import { useShown } from "../core/shown.js";
import { go, link } from "../core/url.js";
import { AsCode } from "../parts/as-code.js";
import { Coming, Failed } from "../parts/basics.js";
import { componentColumns } from "../parts/component-table.js";
import { Comparison, ObjectiveBar, useObjective } from "../parts/comparison.js";
import { GroupingBar, RowsBy, useGathering, useGrouping } from "../parts/grouping.js";
import { useStatistics } from "../parts/statistics.js";
import { fitting, Table } from "../parts/table.js";
import { Winner } from "../parts/winner.js";

const PAGE = 100;
/** So many of the best are drawn before anybody chose. */
const FIRST = 12;
/** So many are drawn at most. */
const MOST = 200;
const NONE = [];

/** `name`: an experiment, or "-" for the components that are in no trial. */
export const Experiment = ({ name }) => {
  const loose = name === "-";
  useTitle(loose ? "In no trial" : name);
  const [about, error, again] = useApi(loose ? null : `experiments/${encodeURIComponent(name)}`);
  const [filter, setFilter] = useAsked("filter");
  const [sorted, setSorted] = useAsked("sort");
  const [up, setUp] = useAsked("up");
  const [all, setAll] = useAsked("all");
  const [base, setBase] = useAsked("base");
  const [picked, setPicked] = useAskedList("c");
  const [stats, setStat] = useStatistics();
  const [page, setPage] = useState({ total: null, columns: null, groups: null, lead: NONE, error: null });
  const gathering = useGathering(page.groups);
  const { by, groups } = gathering;
  const [version, setVersion] = useState(0);
  const rows = useRef(new Map());
  const asked = useRef(new Set());
  const round = useRef(0);
  const input = useRef(null);
  const dark = useDark();
  const phone = useNarrow("(max-width: 640px)");
  const stacked = useNarrow("(max-width: 1180px)");
  const room = useRoom();
  const now = useNow(10);
  // Before anybody sorts, the best come first by the metric that decides.
  const usual = about?.objective ? `metric.${about.objective.name}` : "created";
  const sort = { id: sorted || usual, descending: sorted ? up !== "1" : !about?.objective?.low };
  const ready = loose || about !== null;
  // Of most statistics rows tell all that there is; headings tell of those that are asked for.
  const stat = statsOf(stats, Boolean(by));
  const asking = stat.join();
  const scope = loose ? { unassigned: "true" } : { experiment: name };
  const load = useCallback((number, mine = round.current) => {
    if (asked.current.has(number) || !ready) return undefined;
    asked.current.add(number);
    const ask = (more) => get("components", { ...scope, filter, sort: sort.id, descending: sort.descending ? "true" : "false", stat, limit: PAGE, ...more });
    const part = ask({ start: number * PAGE, rows: by });
    // However rows are gathered, the same ones are drawn before anybody chose.
    const lead = by && !number ? ask({}) : { rows: NONE };
    return Promise.all([part, lead]).then(([found, first]) => {
      if (mine !== round.current) return;
      found.rows.forEach((row, i) => rows.current.set(number * PAGE + i, row));
      setPage((old) => ({ ...old, total: found.total, ...(number ? {} : { columns: found.columns, groups: found.groups ?? null, lead: first.rows }), error: null, turn: (old.turn ?? 0) + 1 }));
    }, (refused) => {
      if (mine !== round.current) return;
      asked.current.delete(number);
      setPage((old) => ({ ...old, error: refused }));
    });
  }, [name, filter, sort.id, sort.descending, by, asking, ready]);
  const restart = (keep) => {
    round.current += 1;
    asked.current = new Set();
    if (!keep) rows.current = new Map();
    return load(0);
  };
  useEffect(() => {
    if (!ready) return undefined;
    const timer = setTimeout(() => restart(false), page.total === null ? 0 : 150);
    return () => clearTimeout(timer);
  }, [filter, sort.id, sort.descending, by, ready]);
  useEffect(() => {
    if (page.total !== null) restart(true);
  }, [asking]);
  useTracked(() => {
    setVersion((each) => each + 1);
    return Promise.all([loose ? null : again(), restart(true)]);
  }, page.total !== null);
  const [loaded, grouping] = useGrouping(useMemo(() => unique([...page.lead, ...rows.current.values()]), [page.turn]), page.columns?.differ ?? NONE, page.turn);
  const shown = useMemo(() => {
    const chosen = new Set(picked);
    const found = loaded.filter((each) => (chosen.size ? chosen.has(each.name) : Object.keys(each.metrics).length));
    return found.slice(0, chosen.size ? MOST : FIRST);
  }, [page.turn, picked, grouping.color, grouping.stroke]);
  const known = useMemo(() => labels(loaded), [page.turn]);
  const colored = useMemo(() => new Map(loaded.map((each) => [each.name, each])), [loaded]);
  const columns = page.columns;
  const objective = useObjective(columns?.metrics ?? [], stats);
  const baseline = loaded.find((each) => each.name === base) ?? null;
  useShown({ sort });
  useKeys([
    { keys: "d", what: "differences only", run: () => setAll((each) => (each ? "" : "1")) },
    { keys: "c", what: "compare the chosen", run: () => shown.length > 1 && go(compared(shown)) },
    { keys: "b", what: "first chosen is the baseline", run: () => setBase((old) => (old ? "" : (shown[0]?.name ?? ""))) },
  ]);
  if (error && !about) return html`<${Failed} error=${error.status === 400 ? { status: 404, message: error.message } : error} again=${again} />`;
  if (!ready || (page.total === null && !page.error)) return html`<${Coming} title=${loose ? "In no trial" : name} under />`;
  if (page.total === null) return html`<${Failed} error=${page.error} again=${() => restart(false)} />`;
  const onSort = (id) => {
    const same = id === sort.id;
    setSorted(id);
    setUp(same ? (sort.descending ? "1" : "") : /^(title|status|parameter)/.test(id) ? "1" : "");
  };
  const label = (row) => known.get(row.name) ?? row.title;
  return html`
    <div class="head"><div class="grow"><div class="crumbs"><a href=${link(["experiments"])}>Experiments</a></div><h1 class="cut">${loose ? "In no trial" : about.title}</h1>
        <span class="quiet" role="status">${loose ? plural(page.total, "component") : `${plural(about.trials, "trial")} · ${plural(page.total, "component")}${filter ? " found" : ""}${about.description ? ` · ${about.description}` : ""}`}</span></div><${AsCode} />
      <label class="grow" style=${{ maxWidth: "420px" }}><span class="unseen">Filter components</span><input class="input" style=${{ width: "100%" }} ref=${input} type="search" value=${filter} placeholder="name   parameter.lr < 0.1   metric.loss.min < 0.2" onInput=${(e) => setFilter(e.currentTarget.value)} /></label>
    </div>
    ${page.total > 0 && html`<${Winner} scope=${{ ...scope, filter, stat: statsOf(stats) }} objective=${objective} rows=${loaded} total=${page.total} version=${version} dark=${dark} nameOf=${(row) => known.get(row.name)} />`}
    <div class="split ${page.total ? "" : "bare"}">
      <div class="left stack">
        <div class="row wrap">
          <button class="button small" aria-pressed=${!all} onClick=${() => setAll(all ? "" : "1")}>Differences only</button>
          ${baseline ? html`<button class="button small" aria-pressed="true" onClick=${() => setBase("")}>Baseline: ${label(baseline)}</button>` : html`<button class="button small" disabled=${!shown.length} onClick=${() => setBase(shown[0].name)}>Pin a baseline</button>`}
          <${RowsBy} grouping=${grouping} gathering=${gathering} />
          ${groups && html`<button class="button small" onClick=${gathering.foldAll}>${gathering.open ? "Close all" : "Open all"}</button>`}
          <span class="grow"></span>
          <span class="quiet">${picked.length ? `${picked.length} chosen` : ""}</span>
          ${picked.length > 0 && html`<button class="button small bare" onClick=${() => setPicked([])}>Choose none</button>`}
          <button class="button small main" disabled=${shown.length < 2} onClick=${() => go(compared(shown))}>Compare ${shown.length}</button>
        </div>
        ${page.error && html`<p class="note bad" role="alert">${page.error.message}</p>`}
        ${gathering.most > 0 && html`<p class="note" role="status">${by} has more than ${gathering.most} values: too many for headings.</p>`}
        ${page.total === 0 ? html`<section class="panel empty"><h2>${filter ? "No component is like that" : "It has no components yet"}</h2><p class="quiet">${filter ? html`Words are looked for in names and trials; <code>parameter.lr < 0.1</code>, <code>metric.loss.min < 0.2</code> and <code>trial:NAME</code> narrow further.` : "What is associated with one of its trials is listed here."}</p>${filter && html`<button class="button" onClick=${() => setFilter("")}>Show all</button>`}</section>`
          : html`<${Table} label="Components" fit=${stacked} pointing columns=${fitting(componentColumns({ columns, stats, onStat: setStat, base: baseline, all: all === "1", dark, now, phone, label, costs: loaded.some((each) => each.cost), groups, gathered: by, objective }), stacked ? room : ((room - 16) * 15) / 23)} total=${page.total} groups=${groups} onFold=${gathering.fold} rowAt=${(i) => colored.get(rows.current.get(i)?.name)} need=${load}
            href=${(row) => link(["components", row.name])} sort=${sort} onSort=${onSort} chosen=${new Set(picked)} onChoose=${(next) => setPicked([...next])} />`}
        ${!loose && about.trialRows.length > 0 && html`<details class="choices"><summary>Trials <span class="quiet">${about.trialRows.length}</span></summary><div class="row wrap">${about.trialRows.map((each) => html`<a class="chip" href=${link(["trials", each.name])}>${each.title}</a>`)}</div></details>`}
      </div>
      ${columns && page.total > 0 && html`<div class="right stack"><${ObjectiveBar} metrics=${columns.metrics} objective=${objective} />
        <${GroupingBar} grouping=${grouping} />
        <${Comparison} compact chart=${grouping.chart} rows=${shown} columns=${columns} labels=${known} objective=${objective} stats=${stats} base=${base} version=${version} quality=${false} /></div>`}
    </div>`;
};

/** Each component once. */
const unique = (rows) => [...new Map(rows.map((each) => [each.name, each])).values()];

const compared = (rows) => link(["compare"], { c: rows.map((each) => each.name) });

