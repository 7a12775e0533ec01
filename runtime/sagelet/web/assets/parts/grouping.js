// Choose what colours, strokes and charts stand for: components, or the values of a parameter.
import { html, useMemo } from "../vendor/preact-htm.js";
import { marked } from "../core/grouping.js";
import { useAsked, useDark } from "../core/hooks.js";
import { Swatch } from "./lines.js";

/** [rows with their marks, what the bar needs]; `key` is another one where rows are others.
 * `differ`: the parameters that differ. */
export function useGrouping(rows, differ, key) {
  const [color, setColor] = useAsked("color");
  const [stroke, setStroke] = useAsked("stroke");
  const [chart, setChart] = useAsked("chart");
  const names = differ.map((each) => each.name).filter((each) => !/^sagemaker_/.test(each));
  const known = (name) => (names.includes(name) ? name : "");
  const found = useMemo(() => marked(rows, known(color), known(stroke)), [key, color, stroke, names.join()]);
  return [found.rows, { ...found, names, color: known(color), stroke: known(stroke), chart: known(chart), setColor, setStroke, setChart }];
}

export const GroupingBar = ({ grouping }) => {
  const { names, color, stroke, chart, setColor, setStroke, setChart, colors, strokes } = grouping;
  if (!names.length) return "";
  const pick = (text, value, set, none = "component") => html`<label class="row"><span class="quiet">${text}</span><select class="select small" style=${{ maxWidth: "150px" }} value=${value} onChange=${(e) => set(e.currentTarget.value)}><option value="">${none}</option>${names.map((each) => html`<option key=${each} value=${each} selected=${each === value}>${each}</option>`)}</select></label>`;
  return html`<div class="row wrap" role="group" aria-label="Grouping">${pick("Colour by", color, setColor)}${pick("Stroke by", stroke, setStroke)}${pick("Chart by", chart, setChart, "metric")}
    ${(colors.length > 0 || strokes.length > 0) && html`<ul class="legend groups" aria-label="Groups">${[...legend(color, colors), ...legend(stroke, strokes)]}</ul>`}</div>`;
};

/** What each colour, or stroke, stands for. */
const legend = (name, list) => list.map((each) => html`<${One} key=${`${name} ${each.name}`} parameter=${name} group=${each} />`);

const One = ({ parameter, group }) => {
  const dark = useDark();
  return html`<li class="row told"><${Swatch} mark=${group.mark} dark=${dark} /><span class="quiet">${parameter}</span> ${group.name} <span class="by">${group.count}</span></li>`;
};
