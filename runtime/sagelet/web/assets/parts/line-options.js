// How lines are drawn, which is the same for all charts of a page and stands in its address.
import { html, useState } from "../vendor/preact-htm.js";
import { useAsked, useKeys } from "../core/hooks.js";

/** x axis, smoothing, log axis, clipping, the part that is zoomed into. */
export function useLineOptions() {
  const [x, setX] = useAsked("x", "step");
  const [log, setLog] = useAsked("log");
  const [logx, setLogx] = useAsked("logx");
  const [smooth, setSmooth] = useAsked("smooth");
  const [clip, setClip] = useAsked("clip");
  const [zoom, setZoom] = useState(null);
  const weight = Math.min(0.99, Number(smooth) || 0);
  const turn = (by) => setSmooth((old) => {
    const next = Math.min(0.95, Math.max(0, Math.round(((Number(old) || 0) + by) * 100) / 100));
    return next ? String(next) : "";
  });
  useKeys([
    { keys: "l", what: "logarithmic axis", run: () => setLog((each) => (each ? "" : "1")) },
    { keys: "L", what: "logarithmic x axis", run: () => (setZoom(null), setLogx((each) => (each ? "" : "1"))) },
    { keys: "[", what: "less smoothing", run: () => turn(-0.1) },
    { keys: "]", what: "more smoothing", run: () => turn(0.1) },
  ]);
  return {
    x: ["step", "relative", "time"].includes(x) ? x : "step",
    log: log === "1", logx: logx === "1" && x !== "time", weight, clip: clip === "1", zoom, setZoom,
    setX: (value) => (setZoom(null), setX(value)), setLog, setLogx: (value) => (setZoom(null), setLogx(value)), setSmooth, setClip,
  };
}

export const LineBar = ({ options, children }) => html`<div class="row wrap" role="group" aria-label="Charts">
  <label class="row"><span class="quiet">x</span><select class="select small" aria-label="x axis" value=${options.x} onChange=${(e) => options.setX(e.currentTarget.value)}><option value="step">step</option><option value="relative">seconds</option><option value="time">time of day</option></select></label>
  <label class="row"><span class="quiet">Smoothing</span><input type="range" min="0" max="0.95" step="0.05" value=${options.weight} onInput=${(e) => options.setSmooth(Number(e.currentTarget.value) ? e.currentTarget.value : "")} /><span class="fixed">${options.weight ? options.weight.toFixed(2) : "off"}</span></label>
  <button class="button small" aria-pressed=${options.log} title="A logarithmic y axis; what is not above zero is left out" onClick=${() => options.setLog(options.log ? "" : "1")}>Log y</button>
  <button class="button small" aria-pressed=${options.logx} disabled=${options.x === "time"} title="A logarithmic x axis; what is not above zero is left out" onClick=${() => options.setLogx(options.logx ? "" : "1")}>Log x</button>
  <button class="button small" aria-pressed=${options.clip} title="Leave out the outermost hundredth of the values" onClick=${() => options.setClip(options.clip ? "" : "1")}>Clip</button>
  ${children}
  ${options.zoom && html`<button class="button small" onClick=${() => options.setZoom(null)}>Whole range</button>`}
</div>`;
