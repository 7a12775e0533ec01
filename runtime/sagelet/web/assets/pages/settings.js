// What this control plane was told, and how to change it.
import { html } from "../vendor/preact-htm.js";
import { size } from "../core/format.js";
import { useApi, useTitle } from "../core/hooks.js";
import { bound, capOf } from "../core/keys.js";
import { Code, Coming, Failed } from "../parts/basics.js";

export const Settings = ({ about }) => {
  useTitle("Settings");
  const [found, error, again] = useApi("settings");
  if (error) return html`<${Failed} error=${error} again=${again} />`;
  if (!found) return html`<${Coming} title="Settings" />`;
  return html`<div class="head"><h1>Settings</h1></div>
    <div class="two">
      <section class="panel" aria-label="In force"><header><h2>In force</h2></header><div class="scrolls"><table class="simple"><thead><tr><th>Setting</th><th>Value</th><th>From</th></tr></thead><tbody>
        ${found.settings.map((each) => html`<tr><td class="mono">${each.name}</td><td>${each.value || html`<span class="quiet">not set</span>`}</td><td class="quiet">${each.set ? "your setting" : "the default"}</td></tr>`)}
      </tbody></table></div></section>
      <div class="stack">
        ${about && html`<section class="panel" aria-label="Control plane"><header><h2>Control plane</h2></header><div class="body"><dl class="facts">
          <dt>Version</dt><dd>${about.version}</dd><dt>Address</dt><dd class="mono">${about.url}</dd><dt>Account</dt><dd class="mono">${about.account}</dd><dt>Region</dt><dd>${about.region}</dd><dt>Home</dt><dd class="mono">${about.home}</dd><dt>Disk</dt><dd>${size(about.disk.free)} free of ${size(about.disk.total)}</dd></dl></div></section>`}
        <section class="panel" aria-label="Check"><header><h2>What this machine can do</h2></header><div class="body stack"><p class="quiet">Settings are variables of the environment that <code>sagelet serve</code> is started in. This command checks the machine:</p><${Code} text="sagelet doctor" named="command" /></div></section>
        <section class="panel" aria-label="Keys"><header><h2>Keys</h2></header><div class="body keys">${bound().map((each) => html`<span>${each.keys.split(" ").map((key) => html`<kbd>${capOf(key)}</kbd> `)}</span><span>${each.what}</span>`)}</div></section>
      </div></div>`;
};
