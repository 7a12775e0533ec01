// What a job's hosts use of the machine: a chart a quantity, a line a host, live.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { get } from "../core/api.js";
import { colorAt, colorOfMark } from "../core/colors.js";
import { amount } from "../core/format.js";
import { useDark } from "../core/hooks.js";
import { append, byHost, extent } from "../core/series.js";
import { placesOf } from "../core/zoom.js";
import { LineChart } from "../charts/line.js";
import { Empty, Failed, Loading } from "../parts/basics.js";

/** quantity -> [title, unit, what it is]; percent of CPUs and GPUs are summed, as SageMaker's are. */
const QUANTITIES = {
  cpu: ["CPU", "percent", "of one core, summed over cores"],
  memory: ["Memory", "bytes", "without files that the system keeps in memory"],
  gpu: ["GPU", "percent", "of one GPU, summed over GPUs"],
  gpuMemory: ["GPU memory", "bytes", "summed over GPUs"],
  disk: ["Disk", "percent", "of the file system that the job's folder is on, whoever uses it"],
};

/** Values of a quantity on their way from the server, and on the page before they are asked for anew. */
const MOST = 8000;

const widthFor = (hosts) => Math.round(Math.max(40, Math.min(1200, MOST / 4 / Math.max(1, hosts))));

export const JobSystem = ({ path, job, hear, ready }) => {
  const [all, setAll] = useState(null); // quantity -> series
  const [limits, setLimits] = useState({});
  const [error, setError] = useState(null);
  const [turn, setTurn] = useState(0);
  const [zoom, setZoom] = useState(null);
  const [close, setClose] = useState({}); // what was fetched for the zoom
  const zero = job.started ?? job.created;
  const width = widthFor(job.hosts);
  const asked = useRef(false);
  useEffect(() => {
    get(`${path}/usage`, { width }).then((found) => {
      // What came by the stream meanwhile is newer than the answer.
      setAll((old) => merged(found.series, old ?? {}));
      setLimits(found.limits);
      setError(null);
      if (!asked.current) ready(found.next);
      asked.current = true;
    }, (refused) => {
      setError(refused);
      if (refused.status) ready(0); // the stream tells if the job is gone
    });
  }, [path, turn]);
  hear.current = (more) => {
    setLimits((old) => ({ ...old, ...more.limits }));
    setAll((old) => {
      const next = merged(old ?? {}, more.series);
      if (Object.values(next).some((each) => each.place.length > MOST)) setTimeout(() => setTurn((each) => each + 1));
      return next;
    });
  };
  useEffect(() => {
    setClose({});
    const part = zoom && all ? placesOf(Object.values(all), "time", [zoom[0] + zero, zoom[1] + zero]) : null;
    if (!part) return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => get(`${path}/usage`, { width, ...part }, { signal: stop.signal }).then((found) => setClose(found.series), () => {}), 120);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [zoom]);
  if (error) return html`<${Failed} error=${error} head="h2" again=${() => setTurn((each) => each + 1)} />`;
  if (!all) return html`<${Loading} />`;
  const there = Object.keys(QUANTITIES).filter((each) => all[each]?.place.length);
  if (!there.length) {
    return html`<section class="panel"><${Empty} title=${job.over ? "Nobody looked at its hosts" : "No values yet"}>
      <p class="quiet">${job.over ? "It ended before the first look at its hosts, about a second after they begin, or it never had any." : "What each host uses of the machine is drawn here from about a second after it begins: CPU, memory, GPUs, the disk."}</p><//></section>`;
  }
  return html`
    <div class="row wrap"><span class="quiet">x: seconds since the job started</span>${zoom && html`<button class="button small" onClick=${() => setZoom(null)}>Whole range</button>`}</div>
    <div class="charts">${there.map((each) => html`<${Card} key=${each} quantity=${each} job=${job} zero=${zero} series=${zoom && close[each]?.place.length ? close[each] : all[each]} limits=${limits} zoom=${zoom} onZoom=${setZoom} />`)}</div>`;
};

const Card = ({ quantity, job, zero, series, limits, zoom, onZoom }) => {
  const dark = useDark();
  const [title, unit, what] = QUANTITIES[quantity];
  const lines = useMemo(() => {
    const hosts = [...job.hostNames].sort();
    return byHost(series).map((each) => ({
      name: each.host,
      label: each.host,
      color: hosts.length > 1 ? colorAt(hosts.indexOf(each.host), dark) : colorOfMark(job.mark, dark),
      x: each.time.map((at) => at - zero),
      y: each.value,
    }));
  }, [series, zero, dark, job.mark]);
  const range = extent(lines.flatMap((each) => each.y));
  const most = Object.values(limits).map((each) => each[quantity]).filter((each) => each);
  const limit = most.length && quantity !== "disk" ? Math.max(...most) : null;
  const last = lines.map((each) => each.y[each.y.length - 1]);
  const ends = [...new Set([Math.min(...last), Math.max(...last)].map((each) => amount(each, unit)))].join(" to ");
  return html`<section class="panel" aria-label=${title}><header><h2 class="grow cut" title=${what}>${title}</h2>
      <span><b>${ends}</b>${limit && html` <span class="quiet">of ${amount(limit, unit)}</span>`}</span></header>
    <div class="body stack" style=${{ gap: "8px" }}>
      <${LineChart} lines=${lines} label=${`${title}, ${unit}`} x="relative" unit=${unit} floor zoom=${zoom} onZoom=${onZoom} />
      <div class="legend">${lines.length > 1 && lines.map((each) => html`<span><i style=${{ background: each.color }}></i>${each.label}</span>`)}
        <span class="grow"></span>${range && html`<span>min ${amount(range[0], unit)}</span><span>max ${amount(range[1], unit)}</span>`}</div>
      <p class="quiet small">${what}</p>
    </div></section>`;
};

/** Series by quantity, with the newer points of others behind them. */
function merged(old, more) {
  const next = { ...old };
  for (const [each, points] of Object.entries(more)) next[each] = append(next[each], points);
  return next;
}
