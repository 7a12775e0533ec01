// What this control plane was told, what its machine can do, and how to change either.
import { html } from "../vendor/preact-htm.js";
import { size } from "../core/format.js";
import { useApi, useTitle } from "../core/hooks.js";
import { bound, capOf } from "../core/keys.js";
import { AsCode } from "../parts/as-code.js";
import { Coming, Failed } from "../parts/basics.js";
import { Checks } from "../parts/checks.js";

export const Settings = ({ about }) => {
  useTitle("Settings");
  const [found, error, again] = useApi("settings");
  if (error) return html`<${Failed} error=${error} again=${again} />`;
  if (!found) return html`<${Coming} title="Settings" />`;
  return html`<div class="head"><div class="grow"><h1>Settings</h1></div><${AsCode} /></div>
    <div class="two">
      <section class="panel" aria-label="In force"><header><h2>In force</h2></header><div class="scrolls"><table class="simple"><thead><tr><th>Setting</th><th>Value</th><th>From</th></tr></thead><tbody>
        ${found.settings.map((each) => html`<tr><td class="mono">${each.name}</td><td>${each.value || html`<span class="quiet">not set</span>`}</td><td class="quiet"><${Origin} ...${each} /></td></tr>`)}
      </tbody></table></div><p class="below quiet">Settings are variables of the environment that <code>sagelet serve</code> is started in, and its options; there is no settings file. What is changed is in force when it is started again.</p></section>
      <div class="stack">
        ${about && html`<section class="panel" aria-label="Control plane"><header><h2>Control plane</h2></header><div class="body"><dl class="facts">
          <dt>Version</dt><dd>${about.version}</dd><dt>Address</dt><dd class="mono">${about.url}</dd><dt>Account</dt><dd class="mono">${about.account}</dd><dt>Region</dt><dd>${about.region}</dd><dt>Home</dt><dd class="mono">${about.home}</dd><dt>Disk</dt><dd>${size(about.disk.free)} free of ${size(about.disk.total)}</dd></dl></div></section>`}
        <${Checks} />
        <section class="panel" aria-label="Keys"><header><h2>Keys</h2></header><div class="body keys">${bound().map((each) => html`<span>${each.keys.split(" ").map((key) => html`<kbd>${capOf(key)}</kbd> `)}</span><span>${each.what}</span>`)}</div></section>
      </div></div>`;
};

/** What set a value: a variable of the environment, an option, nothing. */
const Origin = ({ name, origin }) => {
  if (!origin) return "default";
  if (origin === name) return origin.startsWith("--") ? "option" : "variable";
  return html`${origin.startsWith("--") ? "option" : "variable"} <code>${origin}</code>`;
};
