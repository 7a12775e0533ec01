// Every call of an AWS client: what was asked, what was answered, how long it took.
import { html, useEffect, useMemo, useState } from "../vendor/preact-htm.js";
import { KEPT, newestFirst } from "../core/calls.js";
import { clock, count, plural, size } from "../core/format.js";
import { useApi, useEvents, useNarrow, useTitle } from "../core/hooks.js";
import { change, link } from "../core/url.js";
import { AsCode } from "../parts/as-code.js";
import { Code, Coming, Dialog, Empty, Failed, Figure, Loading, Size } from "../parts/basics.js";
import { Table } from "../parts/table.js";

/** So many operations that are not served are named. */
const LACKING = 8;

export const Calls = () => {
  useTitle("Calls");
  const query = new URLSearchParams(location.search);
  const [found, error, again] = useApi("calls", { limit: KEPT });
  const [rows, setRows] = useState(null);
  const [text, setText] = useState(query.get("filter") ?? "");
  const [failures, setFailures] = useState(query.get("failed") === "1");
  const phone = useNarrow("(max-width: 640px)");
  const [paused, setPaused] = useState(false);
  const [chosen, setChosen] = useState(query.get("call"));
  const [missing, setMissing] = useState({});
  useEffect(() => {
    if (!found) return;
    setRows((old) => old ?? [...found.rows].reverse());
    setMissing(found.missing);
  }, [found]);
  useEffect(() => change({ filter: text, failed: failures ? "1" : "", call: chosen }), [text, failures, chosen]);
  useEffect(() => {
    const went = () => setChosen(new URLSearchParams(location.search).get("call"));
    addEventListener("sagelet:went", went);
    return () => removeEventListener("sagelet:went", went);
  }, []);
  useEvents({ calls: true }, {
    calls: (event) => {
      setRows((old) => newestFirst(event, old ?? []));
      setMissing(event.missing);
    },
  }, { c: rows?.[0]?.number ?? 0 }, rows !== null && !paused);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = useMemo(() => (rows ?? []).filter((each) => (!failures || each.status >= 400) && words.every((word) => `${each.service} ${each.operation} ${each.path} ${each.error} ${each.status}`.toLowerCase().includes(word))), [rows, text, failures]);
  if (error && !rows) return html`<${Failed} error=${error} again=${again} />`;
  if (!rows) return html`<${Coming} title="Calls" />`;
  const lacking = Object.entries(missing).sort(([, a], [, b]) => b - a);
  const columns = [
    { id: "time", title: "Time", min: 68, flex: 0, cell: (each) => html`<span class="quiet">${clock(each.time)}</span>` },
    { id: "operation", title: "Operation", min: phone ? 116 : 200, flex: 2.2, cell: (each) => html`${each.operation || each.method} <span class="quiet">${each.service}</span>` },
    { id: "status", title: "Status", min: phone ? 44 : 60, flex: phone ? 0.4 : 1, cell: (each) => html`<span style=${{ color: `var(--${each.status >= 400 ? "bad" : "good"})` }}>${each.status}</span>${phone ? "" : ` ${each.error}`}` },
    { id: "took", title: "Took", num: true, min: 66, flex: 0, cell: (each) => html`<${Figure} cell value=${each.took} unit="ms" text=${`${each.took < 10 ? each.took.toFixed(1) : Math.round(each.took)} ms`} />` },
    ...(phone ? [] : [
      { id: "path", title: "Path", min: 60, flex: 1, cell: (each) => html`<span class="quiet mono">${each.path}</span>` },
      { id: "size", title: "Answer", num: true, min: 72, flex: 0, cell: (each) => html`<span class="quiet"><${Size} cell bytes=${each.responseSize} /></span>` },
    ]),
  ];
  return html`
    <div class="head"><div class="grow"><h1>Calls</h1><span class="quiet" role="status">${plural(shown.length, "call")}${rows.length >= KEPT ? `, of the last ${count(KEPT)}` : ""}</span></div><${AsCode} />
      <div class="row wrap"><label><span class="unseen">Filter calls</span><input class="input" type="search" placeholder="operation, path, error" value=${text} onInput=${(e) => setText(e.currentTarget.value)} /></label>
      <button class="button" aria-pressed=${failures} onClick=${() => setFailures(!failures)}>Failures</button>
      <button class="button" aria-pressed=${paused} onClick=${() => setPaused(!paused)}>${paused ? "Go on" : "Pause"}</button></div></div>
    ${lacking.length > 0 && html`<div class="note warn row wrap" role="note" aria-label="Not served"><span>Asked for, but not served:</span>
      ${lacking.slice(0, LACKING).map(([name, times]) => html`<button key=${name} class="button small" title="Show these calls" onClick=${() => (setFailures(false), setText(text === name ? "" : name))}><b>${name}</b> ${plural(times, "time")}</button>`)}
      ${lacking.length > LACKING && html`<span>and ${plural(lacking.length - LACKING, "other")}</span>`}</div>`}
    ${!rows.length ? html`<section class="panel"><${Empty} title="No calls yet"><p class="quiet">What boto3, the AWS CLI and the SDKs ask is listed here as it comes.</p><${Code} text=${'eval "$(sagelet env)"\naws sagemaker list-training-jobs'} named="commands" /><//></section>`
      : !shown.length ? html`<section class="panel empty"><h2>No call is like that</h2></section>`
      : html`<${Table} label="Calls" columns=${columns} total=${shown.length} rowAt=${(i) => shown[i]} href=${(each) => link(["calls"], { filter: text, failed: failures ? "1" : "", call: each.number })} />`}
    ${chosen && html`<${Call} key=${chosen} number=${chosen} close=${() => setChosen(null)} />`}`;
};

const Call = ({ number, close }) => {
  const [call, error] = useApi(`calls/${number}`);
  return html`<${Dialog} title=${call ? `${call.service} ${call.operation || call.method}` : "Call"} huge close=${close}>
    ${error && html`<p class="note bad">${error.message}</p>`}${!call && !error && html`<${Loading} />`}
    ${call && html`<div class="stack"><dl class="facts"><dt>Status</dt><dd>${call.status} ${call.error}</dd><dt>Took</dt><dd>${call.took} ms</dd><dt>Request</dt><dd class="mono">${call.method} ${call.path}</dd><dt>Region</dt><dd>${call.region}</dd><dt>Client</dt><dd class="mono">${call.agent || "–"}</dd><dt>Id</dt><dd class="mono">${call.id}</dd></dl>
      <div class="sides"><section class="stack tight"><h3>Asked</h3><${Body} text=${call.request} cut=${call.requestCut} bytes=${call.requestSize} /></section><section class="stack tight"><h3>Answered</h3><${Body} text=${call.response} cut=${call.responseCut} bytes=${call.responseSize} /></section></div></div>`}<//>`;
};

const Body = ({ text, cut, bytes }) => {
  if (!bytes) return html`<p class="quiet">nothing</p>`;
  if (!text) return html`<p class="quiet">${size(bytes)} of data</p>`;
  let shown = text;
  try {
    shown = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // XML, a form, or a part of a document: as it is
  }
  return html`<${Code} text=${shown} named="document" />${cut && html`<p class="quiet">The first part of ${size(bytes)} is kept.</p>`}`;
};
