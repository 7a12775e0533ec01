// A job's metrics: a chart each, live, with one x axis for all of them.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { get } from "../core/api.js";
import { colorAt, colorOfMark } from "../core/colors.js";
import { figure, plural } from "../core/format.js";
import { useDark, useKeys, useSeen } from "../core/hooks.js";
import { append, byHost, extent, halve } from "../core/series.js";
import { placesOf } from "../core/zoom.js";
import { copy, Dialog, Empty, Failed, Loading } from "../parts/basics.js";
import { LineBar, useLineOptions } from "../parts/line-options.js";
import { LineChart } from "../charts/line.js";

/** Points of a metric that a page keeps while it grows. */
const MOST = 6000;

export const JobMetrics = ({ name, mark, running, hear, ready }) => {
  const [all, setAll] = useState(null);
  const [error, setError] = useState(null);
  const options = useLineOptions();
  const { x, log, logx, weight, clip, zoom, setZoom } = options;
  const [close, setClose] = useState({}); // what was fetched for the zoom
  const path = `jobs/${encodeURIComponent(name)}/series`;
  const [big, setBig] = useState(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    get(path, { width: 1200 }).then((found) => {
      setAll(found.series);
      setError(null);
      ready(Object.fromEntries(Object.entries(found.series).map(([each, one]) => [each, one.next])));
    }, (refused) => {
      setError(refused);
      if (refused.status) ready({}); // the stream tells if the job is gone
    });
  }, [path, turn]);
  hear.current = (more) => setAll((old) => {
    const next = { ...old };
    for (const [each, points] of Object.entries(more)) next[each] = halve(append(next[each], points), MOST);
    return next;
  });
  useEffect(() => {
    setClose({});
    const part = zoom && all ? placesOf(Object.values(all), x, zoom) : null;
    if (!part) return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => get(path, { width: 1200, ...part }, { signal: stop.signal }).then((found) => setClose(found.series), () => {}), 120);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [zoom, x]);
  const names = Object.keys(all ?? {}).sort();
  useKeys([{ keys: "f", what: "enlarge the chart", run: () => setBig((old) => (old ? null : (names[0] ?? null))) }]);
  if (error) return html`<${Failed} error=${error} head="h2" again=${() => setTurn((each) => each + 1)} />`;
  if (!all) return html`<${Loading} />`;
  if (!names.length) {
    return html`<section class="panel"><${Empty} title=${running ? "No values yet" : "It has no metrics"}>
      <p class="quiet">Metrics are read from what a job prints, by the regular expressions of its MetricDefinitions (<code>sagelet train --metric 'loss=loss=([0-9.]+)'</code>). They are drawn here as they come.</p><//></section>`;
  }
  const card = (each, height, large) => html`<${Card} key=${each} name=${each} mark=${mark} series=${zoom && close[each]?.place.length ? close[each] : all[each]} x=${x} log=${log} logx=${logx} weight=${weight} clip=${clip} zoom=${zoom} onZoom=${setZoom} height=${height} big=${large} onBig=${() => setBig(large ? null : each)} />`;
  return html`
    <${LineBar} options=${options} />
    <div class="charts">${names.map((each) => card(each, 200, false))}</div>
    ${big && all[big] && html`<${Dialog} title=${big} huge close=${() => setBig(null)}>${card(big, Math.max(260, innerHeight * 0.62), true)}<//>`}`;
};

const Card = ({ name, mark, series, big, onBig, ...rest }) => {
  const box = useRef(null);
  const seen = useSeen(box);
  const dark = useDark();
  const lines = useMemo(() => {
    const hosts = byHost(series);
    const zero = Math.min(...hosts.map((each) => each.time[0]).filter((each) => each !== undefined));
    return hosts.map((each, i) => ({
      name: each.host,
      label: hosts.length > 1 ? each.host : name,
      color: hosts.length > 1 ? colorAt(i, dark) : colorOfMark(mark, dark),
      x: rest.x === "step" ? each.step : rest.x === "time" ? each.time : each.time.map((at) => at - zero),
      y: each.value,
    }));
  }, [series, rest.x, dark, mark]);
  const range = extent(lines.flatMap((each) => each.y));
  const last = series.value[series.value.length - 1];
  return html`<section class="panel" ref=${box} aria-label=${name}><header><h2 class="grow cut" title=${name}>${name}</h2>
      <button class="button small bare" title="Copy the last value" onClick=${() => copy(String(last))}><b>${figure(last)}</b></button><button class="button small bare" onClick=${onBig}>${big ? "Smaller" : "Enlarge"}</button></header>
    <div class="body stack" style=${{ gap: "8px" }}>
      ${seen ? html`<${LineChart} lines=${lines} label=${name} ...${rest} />` : html`<div style=${{ height: `${rest.height}px` }}></div>`}
      <div class="legend">${lines.length > 1 && lines.map((each) => html`<span><i style=${{ background: each.color }}></i>${each.label}</span>`)}
        <span class="grow"></span>${range && html`<span>min ${figure(range[0])}</span><span>max ${figure(range[1])}</span>`}<span>${plural(series.count ?? series.place.length, "value")}</span></div>
    </div></section>`;
};
