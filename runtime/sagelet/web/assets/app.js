// The frame: where we are, the pages, the keys that work everywhere.
import { html, render, useEffect, useState } from "./vendor/preact-htm.js";
import { bound, capOf, press } from "./core/keys.js";
import { useApi, useKeys } from "./core/hooks.js";
import { tellPlane } from "./core/shown.js";
import { go, link, params, parts, region } from "./core/url.js";
import { copyCode } from "./parts/as-code.js";
import { copy, Dialog, Empty, Icon, Toast } from "./parts/basics.js";
import { Boundary } from "./parts/boundary.js";
import { Lazy } from "./parts/lazy.js";
import { Palette } from "./parts/palette.js";

const NAV = [
  ["Overview", "", "home", "o"], ["Jobs", "jobs", "jobs", "j"], ["Tuning", "tuning", "tuning", "u"], ["Experiments", "experiments", "experiments", "e"], ["Compare", "compare", "compare", "c"], ["Models", "models", "models", "m"], ["Storage", "storage", "storage", "s"], ["Calls", "calls", "calls", "a"], ["Settings", "settings", "settings", "t"],
];

/** Which page an address names: its module, what is told to it, what makes it another one. */
function page([section = "", name, part], about, turn) {
  const of = (file, is, given = {}, key = file) => html`<${Lazy} key=${`${is} ${key}`} file=${file} is=${is} title=${name ?? (is === "Tunings" ? "Tuning" : is)} given=${given} />`;
  switch (section) {
    case "": return of("overview", "Overview", { about });
    case "jobs": return name ? of("job", "Job", { name, tab: part ?? "metrics" }, name) : of("jobs", "Jobs", { about }, turn);
    case "processing": return name ? of("job", "Job", { kind: "processing", name, tab: part ?? "files" }, `processing ${name}`) : of("jobs", "Jobs", { about }, turn);
    case "tuning": return name ? of("tuning", "Tuning", { name }, name) : of("tunings", "Tunings");
    case "experiments": return name ? of("experiment", "Experiment", { name }, `${name} ${turn}`) : of("experiments", "Experiments");
    case "compare": return of("compare", "Compare", {}, turn);
    case "trials": return name ? of("trial", "Trial", { name }, name) : of("experiments", "Experiments");
    case "components": return name ? of("component", "Component", { name }, name) : of("experiments", "Experiments");
    case "models": return of("models", "Models", { name });
    case "storage": return of("storage", "Storage", { bucket: name });
    case "calls": return of("calls", "Calls");
    case "settings": return of("settings", "Settings", { about });
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
  useEffect(() => {
    if (!about) return;
    tellPlane(about);
    setKnown(about);
  }, [about]);
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
    { keys: "Y", what: "copy what is here as code", run: copyCode },
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
        <main id="main" tabindex="-1" class=${full ? "full" : ""}><${Boundary} address=${`${place} ${turn}`}>${page(path, known, turn)}<//></main>
      </div>
    </div>
    ${open === "palette" && html`<${Palette} close=${() => setOpen("")} />`}
    ${open === "help" && html`<${Help} close=${() => setOpen("")} />`}
    <${Toast} />`;
};

const root = document.getElementById("app");
root.replaceChildren(); // the frame that was there while the modules came
render(html`<${App} />`, root);
