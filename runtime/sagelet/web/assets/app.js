// The frame: where we are, the pages, the keys that work everywhere.
import { html, render, useEffect, useState } from "./vendor/preact-htm.js";
import { bound, capOf, press } from "./core/keys.js";
import { useApi, useKeys } from "./core/hooks.js";
import { go, link, params, parts, region } from "./core/url.js";
import { copy, Dialog, Empty, Icon, Toast } from "./parts/basics.js";
import { Palette } from "./parts/palette.js";
import { Overview } from "./pages/overview.js";
import { Experiments } from "./pages/experiments.js";
import { Experiment } from "./pages/experiment.js";
import { Compare } from "./pages/compare.js";
import { Trial } from "./pages/trial.js";
import { Component } from "./pages/component.js";
import { Jobs } from "./pages/jobs.js";
import { Job } from "./pages/job.js";
import { Tunings } from "./pages/tunings.js";
import { Tuning } from "./pages/tuning.js";
import { Models } from "./pages/models.js";
import { Storage } from "./pages/storage.js";
import { Calls } from "./pages/calls.js";
import { Settings } from "./pages/settings.js";

const NAV = [
  ["Overview", "", "home", "o"], ["Jobs", "jobs", "jobs", "j"], ["Tuning", "tuning", "tuning", "u"], ["Experiments", "experiments", "experiments", "e"], ["Compare", "compare", "compare", "c"], ["Models", "models", "models", "m"], ["Storage", "storage", "storage", "s"], ["Calls", "calls", "calls", "a"], ["Settings", "settings", "settings", "t"],
];

function page(path, about, turn) {
  switch (path[0] ?? "") {
    case "": return html`<${Overview} about=${about} />`;
    case "jobs": return path[1] ? html`<${Job} key=${path[1]} name=${path[1]} tab=${path[2] ?? "metrics"} />` : html`<${Jobs} key=${turn} about=${about} />`;
    case "processing": return path[1] ? html`<${Job} key=${`processing ${path[1]}`} kind="processing" name=${path[1]} tab=${path[2] ?? "files"} />` : html`<${Jobs} key=${turn} about=${about} />`;
    case "tuning": return path[1] ? html`<${Tuning} key=${path[1]} name=${path[1]} />` : html`<${Tunings} />`;
    case "experiments": return path[1] ? html`<${Experiment} key=${`${path[1]} ${turn}`} name=${path[1]} />` : html`<${Experiments} />`;
    case "compare": return html`<${Compare} key=${turn} />`;
    case "trials": return path[1] ? html`<${Trial} key=${path[1]} name=${path[1]} />` : html`<${Experiments} />`;
    case "components": return path[1] ? html`<${Component} key=${path[1]} name=${path[1]} />` : html`<${Experiments} />`;
    case "models": return html`<${Models} name=${path[1]} />`;
    case "storage": return html`<${Storage} bucket=${path[1]} />`;
    case "calls": return html`<${Calls} />`;
    case "settings": return html`<${Settings} about=${about} />`;
    default: return html`<${Empty} head="h1" title="There is no such page"><p class="quiet">The address names nothing that is here.</p><a class="button" href=${link([])}>Overview</a><//>`;
  }
}

/** Where there are jobs of several regions, which of them is shown. */
const Region = ({ known }) => {
  const now = region() ?? known.region;
  if (known.regions.length < 2) return html`<span>${now}</span>`;
  return html`<label><span class="unseen">Region</span><select class="select small" style=${{ width: "100%" }} value=${now} onChange=${(e) => (location.search = params({ region: e.currentTarget.value === known.region ? "" : e.currentTarget.value }))}>${known.regions.map((each) => html`<option value=${each}>${each}</option>`)}</select></label>`;
};

const Help = ({ close }) => html`<${Dialog} title="Keys" close=${close}><div class="keys">
  ${bound().map((each) => html`<span>${each.keys.split(" ").map((key) => html`<kbd>${capOf(key)}</kbd> `)}</span><span>${each.what}</span>`)}
</div><//>`;

const App = () => {
  const [place, setPlace] = useState(location.pathname);
  const [turn, setTurn] = useState(0); // a page whose query is another one is another page
  const [open, setOpen] = useState("");
  const [online, setOnline] = useState(true);
  const [about, , again] = useApi("about");
  const [known, setKnown] = useState(null);
  useEffect(() => about && setKnown(about), [about]);
  useEffect(() => {
    const went = () => {
      setTurn((each) => each + 1);
      setPlace(location.pathname);
      setOpen("");
    };
    const follow = (event) => {
      const anchor = event.target.closest?.("a[href]");
      if (!anchor || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || anchor.target || anchor.hasAttribute("download")) return;
      const url = new URL(anchor.href);
      if (url.origin !== location.origin || !url.pathname.startsWith("/_ui/")) return;
      event.preventDefault();
      go(url.pathname + url.search);
      document.querySelector("main")?.focus({ preventScroll: true });
    };
    const connection = (event) => {
      setOnline(event.detail);
      if (event.detail) again();
    };
    addEventListener("popstate", went);
    addEventListener("sagelet:went", went);
    addEventListener("sagelet:connection", connection);
    addEventListener("click", follow);
    addEventListener("keydown", press);
    return () => {
      removeEventListener("popstate", went);
      removeEventListener("sagelet:went", went);
      removeEventListener("sagelet:connection", connection);
      removeEventListener("click", follow);
      removeEventListener("keydown", press);
    };
  }, []);
  useKeys([
    { keys: "mod+k", what: "find", run: () => setOpen("palette") },
    { keys: "/", what: "find", run: () => setOpen("palette") },
    { keys: "?", what: "this help", run: () => setOpen("help") },
    { keys: "escape", what: "", run: () => setOpen("") },
    { keys: "y", what: "copy a link to this view", run: () => copy(location.href) },
    ...NAV.map(([name, path, , key]) => ({ keys: `g ${key}`, what: `go to ${name}`, run: () => go(link(path ? [path] : [])) })),
  ]);
  const path = parts(place);
  const full = (["jobs", "processing"].includes(path[0]) && (!path[1] || path[2] === "logs")) || path[0] === "calls" || (path[0] === "experiments" && path[1]);
  const section = { processing: "jobs", compare: "compare", trials: "experiments", components: "experiments" }[path[0]] ?? path[0] ?? "";
  return html`
    <a class="skip" href="#main" onClick=${(e) => (e.preventDefault(), document.querySelector("main").focus())}>Skip to the page</a>
    <div class="frame">
      <header class="side">
        <a class="brand" href=${link([])} aria-label="sagelet, overview"><img src=${new URL("./icon.svg", import.meta.url).href} alt="" /><span class="label">sagelet</span></a>
        <button class="finder" onClick=${() => setOpen("palette")} aria-label="Find"><span class="row"><${Icon} name="search" /><span class="label">Find</span></span><kbd>/</kbd></button>
        <nav aria-label="Pages">
          ${NAV.map(([name, to, icon]) => html`<a href=${link(to ? [to] : [])} aria-current=${section === to ? "page" : undefined} aria-label=${name} title=${name}><${Icon} name=${icon} /><span class="label">${name}</span></a>`)}
        </nav>
        <div class="foot">${known && html`<${Region} known=${known} /><span>${known.version}</span><span class="cut" title=${known.url}>${known.url ?? ""}</span>`}<span><kbd>?</kbd> keys</span></div>
      </header>
      <div class="room">
        ${!online && html`<div class="offline" role="alert">The control plane does not answer. This page goes on where it is as soon as it does.</div>`}
        <main id="main" tabindex="-1" class=${full ? "full" : ""}>${page(path, known, turn)}</main>
      </div>
    </div>
    ${open === "palette" && html`<${Palette} close=${() => setOpen("")} />`}
    ${open === "help" && html`<${Help} close=${() => setOpen("")} />`}
    <${Toast} />`;
};

const root = document.getElementById("app");
root.replaceChildren(); // the frame that was there while the modules came
render(html`<${App} />`, root);
