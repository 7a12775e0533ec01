// A job's metrics: a chart each, live, with one x axis for all of them.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { get } from "../core/api.js";
import { colorAt, isDark } from "../core/colors.js";
import { figure, plural } from "../core/format.js";
import { useKeys } from "../core/hooks.js";
import { append, byHost, extent, halve } from "../core/series.js";
import { change } from "../core/url.js";
import { copy, Empty, Failed, Loading } from "../parts/basics.js";
import { Chart } from "../parts/chart.js";

/** Points of a metric that a page keeps while it grows. */
const MOST = 6000;

export const JobMetrics = ({ name, running, hear, ready }) => {
  const query = new URLSearchParams(location.search);
  const [all, setAll] = useState(null);
  const [error, setError] = useState(null);
  const [x, setX] = useState(query.get("x") ?? "step");
  const [log, setLog] = useState(query.get("log") === "1");
  const [weight, setWeight] = useState(Number(query.get("smooth") ?? 0));
  const [zoom, setZoom] = useState(null);
  const [close, setClose] = useState({}); // what was fetched for the zoom
  const path = `jobs/${encodeURIComponent(name)}/series`;
  useEffect(() => {
    get(path, { width: 1200 }).then((found) => {
      setAll(found.series);
      ready(Object.fromEntries(Object.entries(found.series).map(([each, one]) => [each, one.next])));
    }, setError);
  }, [path]);
  hear.current = (more) => setAll((old) => {
    const next = { ...old };
    for (const [each, points] of Object.entries(more)) next[each] = halve(append(next[each], points), MOST);
    return next;
  });
  useEffect(() => change({ x: x === "step" ? "" : x, log: log ? "1" : "", smooth: weight || "" }), [x, log, weight]);
  useEffect(() => {
    setClose({});
    if (!zoom || x !== "step") return undefined;
    const stop = new AbortController();
    get(path, { width: 1200, low: Math.max(0, Math.floor(zoom[0]) - 1), high: Math.ceil(zoom[1]) + 1 }, { signal: stop.signal }).then((found) => setClose(found.series), () => {});
    return () => stop.abort();
  }, [zoom]);
  useKeys([
    { keys: "l", what: "logarithmic axis", run: () => setLog((each) => !each) },
    { keys: "[", what: "less smoothing", run: () => setWeight((each) => Math.max(0, Number((each - 0.1).toFixed(2)))) },
    { keys: "]", what: "more smoothing", run: () => setWeight((each) => Math.min(0.95, Number((each + 0.1).toFixed(2)))) },
  ]);
  if (error) return html`<${Failed} error=${error} />`;
  if (!all) return html`<${Loading} />`;
  const names = Object.keys(all).sort();
  if (!names.length) {
    return html`<section class="panel"><${Empty} title=${running ? "No values yet" : "It has no metrics"}>
      <p class="quiet">Metrics are read from what a job prints, by the regular expressions of its MetricDefinitions (<code>sagelet train --metric 'loss=loss=([0-9.]+)'</code>). They are drawn here as they come.</p><//></section>`;
  }
  return html`
    <div class="row wrap" role="group" aria-label="Charts">
      <label class="row"><span class="quiet">x</span><select class="select small" value=${x} onChange=${(e) => (setZoom(null), setX(e.currentTarget.value))}><option value="step">value number</option><option value="relative">seconds since the first</option><option value="time">time of day</option></select></label>
      <label class="row"><span class="quiet">Smoothing</span><input type="range" min="0" max="0.95" step="0.05" value=${weight} onInput=${(e) => setWeight(Number(e.currentTarget.value))} /><span>${weight ? weight.toFixed(2) : "off"}</span></label>
      <button class="button small" aria-pressed=${log} onClick=${() => setLog(!log)}>Log axis</button>
      ${zoom && html`<button class="button small" onClick=${() => setZoom(null)}>Whole range</button>`}
    </div>
    <div class="charts">${names.map((each) => html`<${Card} key=${each} name=${each} series=${zoom && close[each]?.place.length ? close[each] : all[each]} x=${x} log=${log} weight=${weight} zoom=${zoom} onZoom=${setZoom} />`)}</div>`;
};

const Card = ({ name, series, ...rest }) => {
  const box = useRef(null);
  const [seen, setSeen] = useState(false);
  useLayoutEffect(() => {
    const watch = new IntersectionObserver(([entry]) => entry.isIntersecting && setSeen(true), { rootMargin: "300px" });
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  const dark = isDark();
  const lines = useMemo(() => {
    const hosts = byHost(series);
    const zero = Math.min(...hosts.map((each) => each.time[0]).filter((each) => each !== undefined));
    return hosts.map((each, i) => ({
      label: hosts.length > 1 ? each.host : name,
      color: colorAt(i, dark),
      x: rest.x === "step" ? each.step : rest.x === "time" ? each.time : each.time.map((at) => at - zero),
      y: each.value,
    }));
  }, [series, rest.x, dark]);
  const range = extent(lines.flatMap((each) => each.y));
  const last = series.value[series.value.length - 1];
  return html`<section class="panel" ref=${box} aria-label=${name}><header><h2 class="grow cut" title=${name}>${name}</h2>
      <button class="button small bare" title="Copy the last value" onClick=${() => copy(String(last))}><b>${figure(last)}</b></button></header>
    <div class="body stack" style=${{ gap: "8px" }}>
      ${seen ? html`<${Chart} lines=${lines} label=${name} ...${rest} />` : html`<div style=${{ height: "200px" }}></div>`}
      <div class="legend">${lines.length > 1 && lines.map((each) => html`<span><i style=${{ background: each.color }}></i>${each.label}</span>`)}
        <span class="grow"></span>${range && html`<span>min ${figure(range[0])}</span><span>max ${figure(range[1])}</span>`}<span>${plural(series.count ?? series.place.length, "value")}</span></div>
    </div></section>`;
};
