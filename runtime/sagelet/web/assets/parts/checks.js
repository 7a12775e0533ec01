// What `sagelet doctor` says, as the control plane finds it: the machine examined when the page asks.
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { clock, duration, plural } from "../core/format.js";
import { useApi } from "../core/hooks.js";
import { Code, Failed } from "./basics.js";

/** State -> what it is called, how it looks. */
const STATES = { ok: ["fine", "good"], note: ["note", "info"], missing: ["problem", "bad"] };
/** What is wrong comes first, then what is good to know. */
const ORDER = ["missing", "note", "ok"];

export const Checks = () => {
  const [found, error, again] = useApi("doctor");
  const [asked, setAsked] = useState(() => Date.now());
  const [kept, setKept] = useState(null); // the last findings, while the next are on their way
  const [busy, setBusy] = useState(true);
  useEffect(() => {
    if (!found && !error) return;
    setBusy(false);
    if (found && !error) setKept({ findings: found.findings, at: Date.now() / 1000, took: (Date.now() - asked) / 1000 });
  }, [found, error]);
  const check = () => {
    setBusy(true);
    setAsked(Date.now());
    again();
  };
  return html`<section class="panel" aria-label="Checks" aria-busy=${busy}><header><h2 class="grow">What this machine can do</h2>
      <button class="button small" disabled=${busy} onClick=${check}>${busy ? "Checking …" : "Check again"}</button></header>
    ${!kept && busy && html`<${Waiting} />`}
    ${error && !busy && html`<${Failed} error=${error} head="h3" again=${check} />`}
    ${kept && html`<${Found} ...${kept} />`}
    <div class="below quiet">As this control plane finds it, with its own settings and its user's rights. <code>sagelet doctor</code> says the same of a shell.</div></section>`;
};

/** Where the findings will be. */
const Waiting = () => html`<div class="coming pad" role="status"><p class="quiet">Docker, namespaces, networks and disks are tried; this may take some seconds.</p>${["wide", "", "wide", "short"].map((each) => html`<i class=${each}></i>`)}</div>`;

const Found = ({ findings, at, took }) => {
  const inOrder = ORDER.flatMap((state) => findings.filter((each) => each.state === state));
  const many = (state) => findings.filter((each) => each.state === state).length;
  const said = [many("missing") && plural(many("missing"), "problem"), many("note") && plural(many("note"), "note"), `${many("ok")} fine`].filter(Boolean).join(", ");
  return html`<p class="pad quiet" role="status">${said} at ${clock(at)}, after ${duration(took)}</p>
    <ul class="checks" aria-label="Findings">${inOrder.map((each) => {
      const [text, tone] = STATES[each.state];
      return html`<li key=${each.check}><span class="badge ${tone}">${text}</span><div class="stack tight"><div><b>${each.check}</b> <span class="text">${each.detail}</span></div>
        ${each.fix && html`<div class="quiet">What to do: <${Fix} text=${each.fix} /></div>`}</div></li>`;
    })}</ul>`;
};

/** A command is there to be copied; a sentence to be read. */
const Fix = ({ text }) => (/^sagelet [a-z]/.test(text) ? html`<${Code} text=${text} named="command" />` : html`<span class="text">${text}</span>`);
