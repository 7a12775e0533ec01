// The smallest pieces: badges, icons, copy buttons, designed states.
import { html, useState, useEffect, useRef } from "../vendor/preact-htm.js";
import { tone } from "../core/colors.js";
import { duration, figure, size } from "../core/format.js";
import { link, parts } from "../core/url.js";

const ICONS = {
  home: "M3 7.5 8 3l5 4.5V13H9.8V9.6H6.2V13H3z",
  jobs: "M2.5 4h11M2.5 8h11M2.5 12h7",
  tuning: "M2.500 13V3M2.500 13h11M5 10.500l2.500-3 2 1.500 3.500-5",
  experiments: "M6 2.500h4M7 2.500v4L3 13h10L9 6.500v-4M5 10h6",
  compare: "M5 2.500v11M2.500 5 5 2.500 7.500 5M11 13.500v-11M8.500 11 11 13.500 13.500 11",
  models: "M8 2 13.5 5v6L8 14 2.5 11V5zM2.5 5 8 8l5.500-3M8 8v6",
  storage: "M2.5 4.500C2.500 2 13.500 2 13.500 4.500v7c0 2.500-11 2.500-11 0zM2.500 4.500c0 2.500 11 2.500 11 0M2.500 8c0 2.500 11 2.500 11 0",
  calls: "M2 8h3l2-5 3 10 2-5h2",
  settings: "M2.500 4.500h6M11.500 4.500h2M2.500 11.500h2M7.500 11.500h6M8.500 3v3M4.500 10v3",
  processing: "M2.500 3h11L9.500 8v5l-3-1.500V8z",
  search: "M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9zM10.300 10.300 14 14",
  folder: "M2 4h4l1.500 1.500H14V13H2z",
  file: "M4 2h5l3 3v9H4zM9 2v3h3",
  code: "M5.500 4 2 8l3.500 4M10.500 4 14 8l-3.500 4",
  bucket: "M2.500 4h11L12 14H4zM2.500 4c0-2 11-2 11 0",
};

export const Icon = ({ name }) => html`<svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${ICONS[name]} /></svg>`;

export const Badge = ({ status, secondary, small = false }) => {
  const live = tone(status) === "live";
  const text = live && secondary ? secondary : status === "Stopped" && secondary && secondary !== "Stopped" ? secondary : status;
  const kind = tone(text === "Pending" ? text : status);
  return small ? html`<span class="badge small ${kind}" title=${text}><span class="unseen">${text}</span></span>` : html`<span class="badge ${kind}">${text}</span>`;
};

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.");
  } catch {
    toast("The browser did not let this page copy.");
  }
}

/** A value; a number is a button that copies it in full. `text`: how it is shown; `unit`: of what
 * is copied; `cell`: in a row of a table, where the arrow keys lead to it instead of Tab. */
export const Figure = ({ value, text, unit = "", strong = false, cell = false }) => {
  if (value === undefined || value === null) return html`<span class="quiet">–</span>`;
  if (typeof value !== "number") return html`<span class="text">${String(value)}</span>`;
  return html`<button class="fig ${strong ? "strong" : ""}" tabindex=${cell ? -1 : undefined} title=${`Copy ${value}${unit && ` ${unit}`}`} onClick=${() => copy(String(value))}>${text ?? figure(value)}</button>`;
};

/** A length of time in seconds, to be copied as such. */
export const Took = ({ seconds, ...rest }) => html`<${Figure} value=${typeof seconds === "number" && isFinite(seconds) ? Number(seconds.toFixed(3)) : undefined} text=${duration(seconds)} unit="seconds" ...${rest} />`;

/** A number of bytes. */
export const Size = ({ bytes, ...rest }) => html`<${Figure} value=${bytes} text=${bytes === undefined || bytes === null ? "" : size(bytes)} unit="bytes" ...${rest} />`;

export function toast(text) {
  dispatchEvent(new CustomEvent("sagelet:toast", { detail: text }));
}

export const Code = ({ text, label = "Copy", named = "code" }) => html`
  <div class="code"><pre tabindex="0" aria-label=${named}><code>${text}</code></pre>
    <button class="button small" onClick=${() => copy(text)}>${label}</button></div>`;

export const Loading = ({ what = "Loading" }) => html`<div class="loading" role="status">${what} …</div>`;

/** A page on its way: its heading at once, and a moment later where its parts will be. */
export const Coming = ({ title, under = false }) => html`
  <div class="head"><div class="grow">${under && html`<div class="crumbs" aria-hidden="true">…</div>`}<h1 class="cut">${title}</h1></div></div>
  <${Shape} />`;

/** Where the parts of a page will be. */
export const Shape = () => html`<div class="coming" role="status"><span class="unseen">Loading …</span>${["", "wide", ""].map((each) => html`<div class="panel"><i class=${each}></i><i></i><i class="short"></i></div>`)}</div>`;

/** What is there instead of a page (then it has the page's heading) or of a part of it.
 * Where the control plane did not answer, it is asked again as soon as it does. */
export const Failed = ({ error, again, head = again ? "h1" : "h2" }) => {
  const latest = useRef(again);
  latest.current = again;
  useEffect(() => {
    const hear = (event) => event.detail && error.status === 0 && latest.current?.();
    addEventListener("sagelet:connection", hear);
    return () => removeEventListener("sagelet:connection", hear);
  }, [error]);
  const [list, name] = parts(location.pathname);
  const to = head === "h1" && name ? LISTS[list] : undefined;
  return html`<div class="empty" role="alert">
    <${head}>${error.status === 404 || /not found/i.test(error.message) ? "Not here" : "That did not work"}<//>
    <p class="note bad">${error.message}</p>
    <div class="row">${again && html`<button class="button" onClick=${again}>Try again</button>`}
      ${to && html`<a class="button" href=${link([to[0]])}>${to[1]}</a>`}</div>
  </div>`;
};

/** Where the other things of a kind are. */
const LISTS = {
  jobs: ["jobs", "All jobs"], processing: ["jobs", "All jobs"], tuning: ["tuning", "All tuning jobs"], experiments: ["experiments", "All experiments"],
  trials: ["experiments", "All experiments"], components: ["experiments", "All experiments"], models: ["models", "All models"], storage: ["storage", "All buckets"],
};

export const Empty = ({ title, children, head = "h2" }) => html`<div class="empty"><${head}>${title}<//>${children}</div>`;

/** How the first job is made: the two lines. */
export const FirstJob = ({ title = "No training jobs yet" }) => html`
  <${Empty} title=${title}>
    <p class="quiet">Point the AWS clients of a shell here, and train. These two lines make the first job:</p>
    <${Code} text=${'eval "$(sagelet env)"\nsagelet train --framework pytorch examples/mnist/pytorch_mnist.py --channel training=examples/mnist/data'} />
    <p class="quiet">boto3, the AWS CLI and the SageMaker SDK in that shell work too; the job shows up here by itself.</p>
  <//>`;

export const Spark = ({ values }) => {
  const finite = (values ?? []).filter((each) => typeof each === "number");
  if (finite.length < 2) return html`<span class="quiet">–</span>`;
  const low = Math.min(...finite);
  const span = Math.max(...finite) - low || 1;
  const points = finite.map((each, i) => `${((i / (finite.length - 1)) * 100).toFixed(2)},${(28 - ((each - low) / span) * 26).toFixed(2)}`);
  return html`<svg class="spark" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true"><path d=${`M${points.join("L")}`} /></svg>`;
};

/** A dialog that keeps the focus and gives it back; Escape closes it. */
export const Dialog = ({ title, wide, huge, close, children }) => {
  const box = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    (box.current.querySelector("input, [data-first]") ?? box.current).focus();
    return () => before?.focus?.();
  }, []);
  const keydown = (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    }
    if (event.key !== "Tab") return;
    const all = [...box.current.querySelectorAll("a[href], button:not(:disabled), input, select, [tabindex='0']")];
    const edge = event.shiftKey ? all[0] : all[all.length - 1];
    if (document.activeElement === edge || document.activeElement === box.current) {
      event.preventDefault();
      (event.shiftKey ? all[all.length - 1] : all[0])?.focus();
    }
  };
  return html`<div class="veil" onMouseDown=${(e) => e.target === e.currentTarget && close()}>
    <div class="dialog ${huge ? "huge" : wide ? "wide" : ""}" role="dialog" aria-modal="true" aria-label=${title} tabindex="-1" ref=${box} onKeyDown=${keydown}>
      <header><h2 class="grow">${title}</h2><button class="button small bare" onClick=${close} aria-label="Close">Esc</button></header>
      <div class="body">${children}</div>
    </div></div>`;
};

export const Toast = () => {
  const [text, set] = useState("");
  useEffect(() => {
    let timer = 0;
    const hear = (event) => {
      set(event.detail);
      clearTimeout(timer);
      timer = setTimeout(() => set(""), 2400);
    };
    addEventListener("sagelet:toast", hear);
    return () => removeEventListener("sagelet:toast", hear);
  }, []);
  return html`<div role="status" aria-live="polite">${text && html`<div class="toast">${text}</div>`}</div>`;
};
