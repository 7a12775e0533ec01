// Metrics of many components: a chart a metric, or one for each value of a parameter; a line a component.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { get } from "../core/api.js";
import { colorOfMark, dashOfMark } from "../core/colors.js";
import { plural } from "../core/format.js";
import { useAsked, useDark, useKeys, useSeen } from "../core/hooks.js";
import { point, pointed, usePointed } from "../core/hover.js";
import { parameter } from "../core/measure.js";
import { ofFirstHost } from "../core/series.js";
import { groups } from "../core/stats.js";
import { placesOf } from "../core/zoom.js";
import { LineChart } from "../charts/line.js";
import { Dialog } from "./basics.js";
import { LineBar, useLineOptions } from "./line-options.js";

/** Points of one chart, at most, on their way from the server. */
const MOST = 12000;

/** So many values of a parameter have charts of their own. */
const VALUES = 12;

const widthFor = (lines) => Math.round(Math.max(60, Math.min(700, MOST / 2 / Math.max(1, lines))));

/** metric -> name -> series of what has been on screen; asks only for what is not there yet in this
 * version, and for one metric once at a time: what is new meanwhile is asked for after the answer. */
function useSeries(names, wanted, version = 0) {
  const cache = useRef({ found: new Map(), versions: new Map(), asked: new Set(), stop: null });
  const [turn, next] = useState(0);
  const key = JSON.stringify([names, wanted]);
  const latest = useRef("");
  latest.current = `${key} ${version}`;
  useEffect(() => {
    const { found, versions, asked } = cache.current;
    const asks = new Map();
    for (const metric of wanted) {
      if (asked.has(metric)) continue;
      const lacking = names.filter((name) => versions.get(metric)?.get(name) !== version);
      if (!lacking.length) continue;
      const same = JSON.stringify(lacking);
      if (!asks.has(same)) asks.set(same, { lacking, metrics: [] });
      asks.get(same).metrics.push(metric);
    }
    cache.current.stop ??= new AbortController();
    for (const { lacking, metrics } of asks.values()) {
      metrics.forEach((metric) => asked.add(metric));
      get("series", { c: lacking, metric: metrics, width: widthFor(names.length) }, { signal: cache.current.stop.signal }).then((answer) => {
        for (const metric of metrics) {
          const series = new Map(found.get(metric) ?? []);
          for (const name of lacking) series.set(name, answer.series[metric]?.[name] ?? null);
          found.set(metric, series);
          versions.set(metric, new Map([...(versions.get(metric) ?? []), ...lacking.map((name) => [name, version])]));
        }
        return true;
      }, () => latest.current !== `${key} ${version}`).then((more) => { // no answer: not before there is something new
        metrics.forEach((metric) => asked.delete(metric));
        if (more) next((each) => each + 1);
      });
    }
  }, [key, version, turn]);
  useEffect(() => () => cache.current.stop?.abort(), []);
  return cache.current.found;
}

/** How many charts are in sight at first: whoever makes them is, and half a window is theirs. They are
 * asked for before the browser has laid out the rest of the page. */
const firstInSight = (compact) => Math.max(1, Math.round(innerHeight / 560)) * (compact || innerWidth < 1000 ? 1 : 2);

/** `chart`: a parameter, each of whose values has charts of its own. */
export const Lines = ({ rows, metrics, labels, kept, version, chart = "", compact = false }) => {
  const options = useLineOptions();
  const [filter, setFilter] = useAsked("charts");
  const [seen, setSeen] = useState(() => new Set(metrics.slice(0, firstInSight(compact)).map((each) => each.name)));
  const [big, setBig] = useState(null);
  const shown = useMemo(() => (kept ? rows.filter((each) => kept.has(each.name)) : rows), [rows, kept]);
  const parts = useMemo(() => (chart ? groups(shown, (row) => parameter(row, chart)) : [["", shown]]), [shown, chart]);
  const fits = matcher(filter);
  const listed = metrics.filter((each) => fits(each.name) && rows.some((row) => each.name in row.metrics));
  const wanted = listed.map((each) => each.name).filter((each) => seen.has(each));
  const found = useSeries(rows.map((each) => each.name), wanted, version);
  const cards = listed.flatMap(({ name }) => parts.slice(0, VALUES).map(([value, members]) => ({ metric: name, title: chart ? `${name} (${chart} ${value})` : name, members })));
  useKeys([{ keys: "f", what: "enlarge the chart", run: () => setBig((old) => (old ? null : (cards[0]?.title ?? null))) }]);
  const card = ({ metric, title, members }, height) => html`<${Card} key=${title} metric=${metric} title=${title} rows=${members} labels=${labels} series=${found.get(metric)} options=${options} height=${height}
    onSeen=${() => setSeen((old) => (old.has(metric) ? old : new Set(old).add(metric)))} onBig=${() => setBig(big ? null : title)} big=${Boolean(big)} />`;
  const enlarged = cards.find((each) => each.title === big);
  return html`<div class="stack">
    <${LineBar} options=${options}>${metrics.length > 4 && html`<label><span class="unseen">Only charts of these metrics (a regular expression)</span><input class="input small" type="search" placeholder="metrics" value=${filter} onInput=${(e) => setFilter(e.currentTarget.value)} /></label>`}<//>
    ${!listed.length && html`<p class="quiet">${metrics.length ? "No metric is called that." : "None of these components has metrics."}</p>`}
    <div class=${compact ? "charts one" : "charts"}>${cards.map((each) => card(each, compact ? 190 : 210))}</div>
    ${parts.length > VALUES && html`<p class="quiet">${chart} has ${parts.length} values: the first ${VALUES} have charts.</p>`}
    ${enlarged && html`<${Dialog} title=${big} huge close=${() => setBig(null)}>${card(enlarged, Math.max(260, innerHeight * 0.62))}<//>`}
  </div>`;
};

const Card = ({ metric, title, rows, labels, series, options, height, onSeen, onBig, big }) => {
  const box = useRef(null);
  const near = useSeen(box);
  const dark = useDark();
  const [close, setClose] = useState(null);
  useEffect(() => {
    if (near) onSeen();
  }, [near]);
  const { x, zoom } = options;
  useEffect(() => {
    setClose(null);
    const there = zoom && series ? rows.map((row) => series.get(row.name)).filter(Boolean) : [];
    const part = there.length ? placesOf(there, x, zoom) : null;
    if (!part) return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      get("series", { c: rows.map((each) => each.name), metric, width: widthFor(rows.length), ...part }, { signal: stop.signal }).then((answer) => setClose(new Map(Object.entries(answer.series[metric]))), () => {});
    }, 120);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [zoom, x, series]);
  const lines = useMemo(() => rows.flatMap((row) => {
    const whole = series?.get(row.name);
    if (!whole) return [];
    const one = ofFirstHost(whole, close?.get(row.name));
    const start = whole.time[0];
    return [{
      name: row.name, label: labels.get(row.name), color: colorOfMark(row.mark, dark), dash: dashOfMark(row.mark),
      x: x === "step" ? one.step : x === "time" ? one.time : one.time.map((at) => at - start),
      y: one.value,
    }];
  }), [rows, series, close, x, dark, labels]);
  const total = lines.length;
  return html`<section class="panel card-chart" ref=${box} aria-label=${title}><header><h3 class="grow cut" title=${title}>${title}</h3>
      <span class="quiet">${total ? plural(total, "line") : ""}${total && rows.some((row) => series.get(row.name)?.hosts.length > 1) ? " · first host" : ""}</span><button class="button small bare" onClick=${onBig}>${big ? "Smaller" : "Enlarge"}</button></header>
    <div class="body">
      ${near && total ? html`<${LineChart} lines=${lines} label=${title} x=${x} log=${options.log} logx=${options.logx} weight=${options.weight} clip=${options.clip} zoom=${zoom} onZoom=${options.setZoom} height=${height} />`
        : html`<div class="wait" style=${{ height: `${height}px` }}>${near && series ? html`<span class="quiet">No component chosen has it.</span>` : ""}</div>`}
    </div></section>`;
};

/** Which component has which colour; the pointer on one shows it in every chart. */
export const Legend = ({ rows, labels, href }) => {
  const dark = useDark();
  const under = usePointed();
  return html`<ul class="legend chips" aria-label="Components">${rows.map((row) => html`<li key=${row.name}><a class=${row.name === under ? "here" : ""} href=${href(row)} onMouseEnter=${() => point({ name: row.name })} onMouseLeave=${() => point({ name: null })} onFocus=${() => point({ name: row.name })} onBlur=${() => pointed().name === row.name && point({ name: null })}><${Swatch} mark=${row.mark} dark=${dark} /><span class="cut">${labels.get(row.name)}</span></a></li>`)}</ul>`;
};

/** A component's colour and line. */
export const Swatch = ({ mark, dark }) => {
  const dash = dashOfMark(mark);
  return html`<svg class="swatch" width="16" height="8" aria-hidden="true"><line x1="1" x2="15" y1="4" y2="4" stroke=${colorOfMark(mark, dark)} stroke-width="3.2" stroke-linecap=${dash.length ? "butt" : "round"} stroke-dasharray=${dash.join(" ")} /></svg>`;
};

function matcher(text) {
  if (!text) return () => true;
  try {
    const pattern = new RegExp(text, "i");
    return (name) => pattern.test(name);
  } catch {
    return (name) => name.toLowerCase().includes(text.toLowerCase());
  }
}
