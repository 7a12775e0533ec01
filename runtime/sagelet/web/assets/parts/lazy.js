// Pages that are fetched when they are first looked at; the others when there is time, so that they
// are there while the control plane is not.
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { AWAY } from "../core/api.js";
import { answered } from "../core/connection.js";
import { Coming, Failed } from "./basics.js";

const FILES = {
  calls: () => import("../pages/calls.js"), compare: () => import("../pages/compare.js"), component: () => import("../pages/component.js"),
  experiment: () => import("../pages/experiment.js"), experiments: () => import("../pages/experiments.js"), job: () => import("../pages/job.js"),
  jobs: () => import("../pages/jobs.js"), models: () => import("../pages/models.js"), overview: () => import("../pages/overview.js"),
  settings: () => import("../pages/settings.js"), storage: () => import("../pages/storage.js"), trial: () => import("../pages/trial.js"),
  tuning: () => import("../pages/tuning.js"), tunings: () => import("../pages/tunings.js"),
};
/** How long after the first page the others are fetched, in milliseconds. */
const LATER = 1500;

const there = new Map();
let first = true;

const fetched = (file) => FILES[file]().then((module) => there.set(file, module));

/** A component of a page's module. */
export const Lazy = ({ file, is, title, given }) => {
  const [, redraw] = useState(0);
  const [lost, setLost] = useState(false);
  const module = there.get(file);
  useEffect(() => {
    if (module) return;
    // A module that did not come does not come again until the page is loaded anew.
    fetched(file).then(() => redraw((each) => each + 1), () => {
      answered(false);
      setLost(true);
    });
  }, [file]);
  useEffect(() => {
    if (!module || !first) return;
    first = false;
    setTimeout(() => Object.keys(FILES).forEach((each) => fetched(each).catch(() => {})), LATER);
  }, [module]);
  if (lost) return html`<${Failed} error=${{ status: 0, message: AWAY }} again=${() => location.reload()} />`;
  return module ? html`<${module[is]} ...${given} />` : html`<${Coming} title=${title} />`;
};
