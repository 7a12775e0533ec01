// Components side by side: what differs first, then every chart.
import { html, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { count, plural } from "../core/format.js";
import { useApi, useAsked, useAskedList, useDark, useKeys, useNarrow, useNow, useTitle, useTracked } from "../core/hooks.js";
import { bestFirst, labels, statsOf } from "../core/measure.js";
import { useShown } from "../core/shown.js";
import { link } from "../core/url.js";
import { AsCode } from "../parts/as-code.js";
import { Code, Coming, Empty, Failed } from "../parts/basics.js";
import { componentColumns } from "../parts/component-table.js";
import { Comparison, ObjectiveBar, useObjective } from "../parts/comparison.js";
import { Diff } from "../parts/diff.js";
import { GroupingBar, useGrouping } from "../parts/grouping.js";
import { Legend } from "../parts/lines.js";
import { useStatistics } from "../parts/statistics.js";
import { Table } from "../parts/table.js";

/** More than so many are a row each, not a column each. */
const SIDES = 8;

export const Compare = () => {
  useTitle("Compare");
  const [components] = useAskedList("c");
  const [trials] = useAskedList("t");
  const [experiments] = useAskedList("e");
  const [stats, setStat] = useStatistics();
  const query = { c: components, t: trials, e: experiments };
  const any = components.length + trials.length + experiments.length > 0;
  const [answer, error, again] = useApi(any ? "compare" : null, { ...query, stat: statsOf(stats) });
  const last = useRef({}); // stays while a metric at another step comes
  const key = JSON.stringify(query);
  if (answer) last.current = { key, answer };
  const found = answer ?? (last.current.key === key ? last.current.answer : null);
  const [version, setVersion] = useState(0);
  useTracked(() => {
    setVersion((each) => each + 1);
    return again();
  }, found !== null);
  if (!any) return html`<div class="head"><h1>Compare</h1></div><section class="panel"><${Empty} title="Nothing chosen"><p class="quiet">Choose rows of the <a href=${link(["jobs"])}>jobs</a> or of an <a href=${link(["experiments"])}>experiment</a> (<kbd>x</kbd>), then press <kbd>c</kbd>. A whole trial or experiment is an address:</p><${Code} text="/_ui/compare?t=TRIAL&t=TRIAL" named="address" /><//></section>`;
  if (error && !found) return html`<${Failed} error=${error} again=${again} />`;
  if (!found) return html`<${Coming} title="Compare" under />`;
  if (!found.rows.length) return html`<${Failed} head="h1" error=${{ status: 404, message: `Nothing is called ${found.unknown.join(", ")}.` }} />`;
  return html`<${Compared} found=${found} stats=${stats} setStat=${setStat} version=${version} asked=${components.length > 0} />`;
};

const Compared = ({ found, stats, setStat, version, asked }) => {
  const [base, setBase] = useAsked("base");
  const [all, setAll] = useAsked("all");
  const dark = useDark();
  const phone = useNarrow("(max-width: 640px)");
  const now = useNow(10);
  const objective = useObjective(found.columns.metrics, stats);
  const [steps, setSteps] = useAsked("steps");
  const told = found.rows.filter((each) => Object.keys(each.metrics).length);
  const others = asked ? 0 : told.length && told.length < found.rows.length ? found.rows.length - told.length : 0;
  useShown({ names: found.rows.map((each) => each.name) });
  const inOrder = useMemo(() => bestFirst(others && !steps ? told : found.rows, objective.read, objective.low), [found, objective.metric, objective.low, stats, steps, others]);
  const known = useMemo(() => labels(inOrder), [found]);
  const [rows, grouping] = useGrouping(inOrder, found.columns.differ, inOrder);
  useKeys([{ keys: "d", what: "differences only", run: () => setAll((each) => (each ? "" : "1")) }]);
  const wide = rows.length > (phone ? 3 : SIDES);
  const baseline = rows.find((each) => each.name === base) ?? null;
  return html`
    <div class="head"><div class="grow"><div class="crumbs"><a href=${link(["experiments"])}>Experiments</a></div><h1>Compare ${plural(rows.length, "component")}</h1>
      <span class="quiet">${found.total > found.rows.length ? `${asked ? "" : "The newest "}${count(found.rows.length)} of ${count(found.total)}${asked ? " are shown" : ""}.` : ""}${found.unknown.length ? ` Nothing is called ${found.unknown.join(", ")}.` : ""}</span></div><${AsCode} />
      <div class="row wrap">${others > 0 && html`<button class="button small" aria-pressed=${steps === "1"} title="Steps that logged no metric: preprocessing and the like" onClick=${() => setSteps(steps ? "" : "1")}>${others} without metrics</button>`}
        <button class="button small" aria-pressed=${!all} onClick=${() => setAll(all ? "" : "1")}>Differences only</button><${ObjectiveBar} metrics=${found.columns.metrics} objective=${objective} /></div></div>
    <${GroupingBar} grouping=${grouping} />
    <${Legend} rows=${rows.slice(0, 40)} labels=${known} href=${(row) => link(["components", row.name])} />
    ${wide ? html`<${Table} fit label="Components" pointing columns=${componentColumns({ columns: found.columns, stats, onStat: setStat, base: baseline, all: all === "1", dark, now, phone, label: (row) => known.get(row.name), sorted: false, costs: rows.some((each) => each.cost) })} total=${rows.length} rowAt=${(i) => rows[i]} href=${(row) => link(["components", row.name])} />`
      : html`<${Diff} rows=${rows} labels=${known} metrics=${found.columns.metrics} stats=${stats} onStat=${setStat} base=${base} onBase=${setBase} all=${all === "1"} />`}
    <${Comparison} chart=${grouping.chart} rows=${rows} columns=${found.columns} labels=${known} objective=${objective} stats=${stats} base=${base} version=${version} />
    ${told.length === 0 && html`<p class="note quiet">None of these has metrics: there is nothing to draw.</p>`}`;
};
