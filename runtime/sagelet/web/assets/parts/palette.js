// Find anything by typing: pages, actions, jobs.
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { get } from "../core/api.js";
import { useApi } from "../core/hooks.js";
import { jobPage } from "../core/jobs.js";
import { go, link } from "../core/url.js";
import { codeTitle, copyCode } from "./as-code.js";
import { Badge } from "./basics.js";

const PAGES = [
  ["Overview", []], ["Jobs", ["jobs"]], ["Tuning", ["tuning"]], ["Experiments", ["experiments"]], ["Compare", ["compare"]], ["Models", ["models"]], ["Storage", ["storage"]], ["Calls", ["calls"]], ["Settings", ["settings"]],
];

export const Palette = ({ close }) => {
  const [text, setText] = useState("");
  const [jobs, setJobs] = useState([]);
  const [tracked, setTracked] = useState([]);
  const [experiments] = useApi("experiments", { limit: 200, names: true });
  const [tunings] = useApi("tuning-jobs", { limit: 60, names: true });
  const [at, setAt] = useState(0);
  const list = useRef(null);
  useEffect(() => {
    const stop = new AbortController();
    get("jobs", { filter: text, limit: 8 }, { signal: stop.signal }).then((found) => setJobs(found.rows), () => {});
    if (text) get("components", { filter: text, limit: 6 }, { signal: stop.signal }).then((found) => setTracked(found.rows.filter((each) => !each.job)), () => {});
    else setTracked([]);
    return () => stop.abort();
  }, [text]);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const pages = PAGES.filter(([name]) => words.every((word) => name.toLowerCase().includes(word)));
  const code = codeTitle();
  const choices = [
    ...pages.map(([name, path]) => ({ id: `page-${name}`, label: name, side: "page", href: link(path) })),
    ...(code && text && words.every((word) => code.toLowerCase().includes(word)) ? [{ id: "copy-code", label: code, side: html`<kbd>Y</kbd>`, run: copyCode }] : []),
    ...jobs.filter((job) => words.every((word) => word.includes(":") || job.name.toLowerCase().includes(word))).map((job) => ({ id: `job-${job.key}`, label: job.name, side: html`<${Badge} status=${job.status} secondary=${job.secondary} />`, href: jobPage(job) })),
    ...(experiments?.rows ?? []).filter((each) => words.every((word) => each.name.toLowerCase().includes(word))).slice(0, 6).map((each) => ({ id: `experiment-${each.name}`, label: each.name, side: "experiment", href: link(["experiments", each.name]) })),
    ...(tunings?.rows ?? []).filter((each) => words.every((word) => each.name.toLowerCase().includes(word))).slice(0, 6).map((each) => ({ id: `tuning-${each.name}`, label: each.name, side: "tuning job", href: link(["tuning", each.name]) })),
    ...tracked.map((each) => ({ id: `component-${each.name}`, label: each.trials.length ? `${each.trials[0][0]} / ${each.title}` : each.title, side: "component", href: link(["components", each.name]) })),
    ...trials(tracked, words).map((each) => ({ id: `trial-${each}`, label: each, side: "trial", href: link(["trials", each]) })),
  ];
  const here = Math.min(at, choices.length - 1);
  const take = (choice) => {
    if (!choice) return;
    close();
    if (choice.run) choice.run();
    else go(choice.href);
  };
  const keydown = (event) => {
    if (event.key === "Escape") close();
    else if (event.key === "ArrowDown") setAt(Math.min(choices.length - 1, here + 1));
    else if (event.key === "ArrowUp") setAt(Math.max(0, here - 1));
    else if (event.key === "Enter") take(choices[here]);
    else if (event.key !== "Tab") return; // Tab stays: the rest of the page is out of reach while this is open
    event.preventDefault();
    event.stopPropagation();
  };
  useEffect(() => list.current?.children[here]?.scrollIntoView({ block: "nearest" }), [here]);
  const input = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    input.current.focus();
    return () => before?.focus?.();
  }, []);
  return html`<div class="veil" onMouseDown=${(e) => e.target === e.currentTarget && close()}>
    <div class="dialog palette" role="dialog" aria-modal="true" aria-label="Find">
      <input ref=${input} role="combobox" aria-expanded="true" aria-controls="found" aria-activedescendant=${choices[here]?.id} aria-label="Find a page, a job, an experiment"
        placeholder="Find a page, a job, an experiment" value=${text} onInput=${(e) => (setText(e.currentTarget.value), setAt(0))} onKeyDown=${keydown} />
      <ul id="found" role="listbox" aria-label="Found" ref=${list}>
        ${choices.map((each, i) => html`<li id=${each.id} role="option" aria-selected=${i === here} onMouseEnter=${() => setAt(i)} onClick=${() => take(each)}><span class="grow cut">${each.label}</span><span class="quiet">${each.side}</span></li>`)}
        ${!choices.length && html`<li role="option" aria-selected="false" class="quiet">Nothing has that in its name.</li>`}
      </ul>
    </div></div>`;
};

/** The trials of these components whose names were typed. */
function trials(rows, words) {
  const names = new Set(rows.flatMap((each) => each.trials.map(([trial]) => trial)));
  return [...names].filter((each) => words.every((word) => each.toLowerCase().includes(word)));
}
