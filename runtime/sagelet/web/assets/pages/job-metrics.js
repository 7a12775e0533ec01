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
  const [names, setNames] = useState(null);
  const [all, setAll] = useState({}); // the series of what has been on screen
  const [error, setError] = useState(null);
  const options = useLineOptions();
  const { x, log, logx, weight, clip, zoom, setZoom } = options;
  const path = `jobs/${encodeURIComponent(name)}`;
  const [big, setBig] = useState(null);
  const [turn, setTurn] = useState(0);
  const listed = useRef(new Set()); // the metrics that were there at first
  const asked = useRef(new Map()); // metric -> what was told of it since it was asked for; null: it is here
  const lost = useRef(new Set()); // what was asked for while nobody answered
  useEffect(() => {
    asked.current = new Map();
    get(`${path}/metrics`).then((found) => {
      listed.current = new Set(Object.keys(found.metrics));
      setAll({});
      setNames([...listed.current].sort());
      setError(null);
      ready(found.metrics);
    }, (refused) => {
      setError(refused);
      if (refused.status) ready({}); // the stream tells if the job is gone
    });
  }, [path, turn]);
  const ask = (each) => {
    const round = asked.current;
    if (round.has(each)) return;
    round.set(each, []);
    get(`${path}/series`, { metric: each, width: 1200 }).then((found) => {
      if (round !== asked.current) return;
      const whole = round.get(each).reduce((old, more) => append(old, more), found.series[each]);
      round.set(each, null);
      setAll((old) => ({ ...old, [each]: halve(whole, MOST) }));
    }, (refused) => {
      if (round !== asked.current) return;
      if (refused.status) return setError(refused);
      round.delete(each);
      lost.current.add(each);
    });
  };
  useEffect(() => {
    const back = (event) => {
      if (!event.detail) return;
      const again = [...lost.current];
      lost.current.clear();
      again.forEach(ask);
    };
    addEventListener("sagelet:connection", back);
    return () => removeEventListener("sagelet:connection", back);
  }, [path]);
  hear.current = (more) => {
    const grown = {};
    for (const [each, points] of Object.entries(more)) {
      // A new metric is told from its beginning; what is neither here nor on its way comes when it is seen.
      if (!listed.current.has(each)) asked.current.set(each, null);
      const waiting = asked.current.get(each);
      if (waiting) waiting.push(points);
      else if (waiting === null) grown[each] = points;
    }
    setAll((old) => ({ ...old, ...Object.fromEntries(Object.entries(grown).map(([each, points]) => [each, halve(append(old[each], points), MOST)])) }));
    setNames((old) => [...new Set([...(old ?? []), ...Object.keys(grown)])].sort());
  };
  useKeys([{ keys: "f", what: "enlarge the chart", run: () => setBig((old) => (old ? null : (names?.[0] ?? null))) }]);
  if (error) return html`<${Failed} error=${error} head="h2" again=${() => setTurn((each) => each + 1)} />`;
  if (!names) return html`<${Loading} />`;
  if (!names.length) {
    return html`<section class="panel"><${Empty} title=${running ? "No values yet" : "It has no metrics"}>
      <p class="quiet">Metrics are read from what a job prints, by the regular expressions of its MetricDefinitions (<code>sagelet train --metric 'loss=loss=([0-9.]+)'</code>). They are drawn here as they come.</p><//></section>`;
  }
  const card = (each, height, large) => html`<${Card} key=${each} name=${each} path=${path} mark=${mark} whole=${all[each]} onSeen=${ask} x=${x} log=${log} logx=${logx} weight=${weight} clip=${clip} zoom=${zoom} onZoom=${setZoom} height=${height} big=${large} onBig=${() => setBig(large ? null : each)} />`;
  return html`
    <${LineBar} options=${options} />
    <div class="charts">${names.map((each) => card(each, 200, false))}</div>
    ${big && names.includes(big) && html`<${Dialog} title=${big} huge close=${() => setBig(null)}>${card(big, Math.max(260, innerHeight * 0.62), true)}<//>`}`;
};

/** What is there before a series has come. */
const NONE = { hosts: [], place: [], time: [], value: [], host: [] };

const Card = ({ name, path, mark, whole, onSeen, big, onBig, ...rest }) => {
  const box = useRef(null);
  const seen = useSeen(box);
  const dark = useDark();
  const { x, zoom } = rest;
  const [close, setClose] = useState(null); // what was fetched for the zoom
  useEffect(() => {
    if (seen) onSeen(name);
  }, [seen]);
  useEffect(() => {
    setClose(null);
    const part = zoom && whole ? placesOf([whole], x, zoom) : null;
    if (!part) return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => get(`${path}/series`, { metric: name, width: 1200, ...part }, { signal: stop.signal }).then((found) => setClose(found.series[name]), () => {}), 120);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [zoom, x, Boolean(whole)]);
  const series = (zoom && close?.place.length ? close : whole) ?? NONE;
  const lines = useMemo(() => {
    const hosts = byHost(series);
    const zero = Math.min(...hosts.map((each) => each.time[0]).filter((each) => each !== undefined));
    return hosts.map((each, i) => ({
      name: each.host,
      label: hosts.length > 1 ? each.host : name,
      color: hosts.length > 1 ? colorAt(i, dark) : colorOfMark(mark, dark),
      x: x === "step" ? each.step : x === "time" ? each.time : each.time.map((at) => at - zero),
      y: each.value,
    }));
  }, [series, x, dark, mark]);
  const range = extent(lines.flatMap((each) => each.y));
  const last = series.value[series.value.length - 1];
  return html`<section class="panel" ref=${box} aria-label=${name}><header><h2 class="grow cut" title=${name}>${name}</h2>
      ${whole && html`<button class="button small bare" title="Copy the last value" onClick=${() => copy(String(last))}><b>${figure(last)}</b></button>`}<button class="button small bare" onClick=${onBig}>${big ? "Smaller" : "Enlarge"}</button></header>
    <div class="body stack" style=${{ gap: "8px" }}>
      ${seen && whole ? html`<${LineChart} lines=${lines} label=${name} ...${rest} />` : html`<div style=${{ height: `${rest.height}px` }}></div>`}
      <div class="legend">${lines.length > 1 && lines.map((each) => html`<span><i style=${{ background: each.color }}></i>${each.label}</span>`)}
        <span class="grow"></span>${range && html`<span>min ${figure(range[0])}</span><span>max ${figure(range[1])}</span>`}<span>${whole ? plural(series.count ?? series.place.length, "value") : ""}</span></div>
    </div></section>`;
};
