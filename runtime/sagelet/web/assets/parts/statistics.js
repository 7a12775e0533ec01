// Which statistic a metric is shown by: one a metric, in the page's address.
import { html, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { useAskedList } from "../core/hooks.js";
import { statisticName, STATISTICS, stepOf } from "../core/measure.js";

/** [metric -> statistic, set(metric, statistic)]; the last value needs no saying. */
export function useStatistics() {
  const [list, setList] = useAskedList("stat");
  const key = JSON.stringify(list);
  const stats = useMemo(() => Object.fromEntries(list.map((each) => {
    const at = each.lastIndexOf(".");
    return [each.slice(0, at), each.slice(at + 1)];
  })), [key]);
  const set = (metric, statistic) => setList((old) => [...old.filter((each) => each.slice(0, each.lastIndexOf(".")) !== metric), ...(statistic === "last" ? [] : [`${metric}.${statistic}`])]);
  return [stats, set];
}

/** The choice among the statistics of a metric; with `steps` also its value at a step. */
export const StatisticPick = ({ metric, statistic, onStat, steps = false }) => {
  const [asking, setAsking] = useState(false);
  const step = stepOf(statistic);
  const asked = useRef(false); // then the focus comes back
  const answered = (given) => {
    asked.current = true;
    setAsking(false);
    if (given !== null) onStat(metric, `at${given}`);
  };
  if (asking) return html`<${StepOf} metric=${metric} step=${step} onStep=${answered} />`;
  const back = (box) => {
    if (box && asked.current) box.focus({ preventScroll: true });
    asked.current = false;
  };
  return html`<select class="select tiny" ref=${back} aria-label=${`Statistic of ${metric}`} value=${statistic} onChange=${(e) => {
    if (e.currentTarget.value !== "at") return onStat(metric, e.currentTarget.value);
    e.currentTarget.value = statistic; // until there is a step
    return setAsking(true);
  }}>${STATISTICS.map(([id, text]) => html`<option value=${id}>${text}</option>`)}${step !== null && html`<option value=${statistic}>${statisticName(statistic)}</option>`}${steps && html`<option value="at">at step …</option>`}</select>`;
};

/** Asks for a step; null if there shall be none. */
const StepOf = ({ metric, step, onStep }) => {
  const [text, setText] = useState(step === null ? "" : String(step));
  const box = useRef(null);
  const over = useRef(false); // a field that goes may lose the focus once more
  useLayoutEffect(() => box.current.select(), []);
  const end = (given) => {
    if (!over.current) onStep(/^\d{1,15}$/.test(given.trim()) ? Number(given) : null);
    over.current = true;
  };
  return html`<input class="input tiny" ref=${box} inputmode="numeric" aria-label=${`Step of ${metric}`} placeholder="step" value=${text} onInput=${(e) => setText(e.currentTarget.value)}
    onKeyDown=${(e) => (e.key === "Enter" ? end(text) : e.key === "Escape" ? end("") : undefined)} onBlur=${() => end(text)} />`;
};
