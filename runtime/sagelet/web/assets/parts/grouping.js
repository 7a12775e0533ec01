// Choose what colours, strokes, charts and headings of rows stand for: components, or the values of
// a parameter.
import { html, useMemo } from "../vendor/preact-htm.js";
import { grouped } from "../core/gathered.js";
import { marked } from "../core/grouping.js";
import { useAsked, useAskedList, useDark } from "../core/hooks.js";
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

/** By which parameter the rows of a table are gathered, and the groups that the control plane `told`
 * of it: null where there are none. */
export function useGathering(told) {
  const [by, setBy] = useAsked("rows");
  const [closed, setClosed] = useAskedList("closed");
  const its = told?.name === by ? told : null;
  const groups = useMemo(() => (its?.rows.some((each) => each.value !== null) ? grouped(its.rows, closed) : null), [its, closed]);
  const open = groups?.some((each) => !each.closed);
  return {
    by, groups, open, most: its?.many ? its.most : 0,
    choose: (name) => (setClosed([]), setBy(name)),
    fold: ({ key }) => setClosed(closed.includes(key) ? closed.filter((each) => each !== key) : [...closed, key]),
    foldAll: () => setClosed(open ? groups.map((each) => each.key) : []),
  };
}

const Pick = ({ text, value, set, names, none = "component" }) => html`<label class="row"><span class="quiet">${text}</span><select class="select small" style=${{ maxWidth: "150px" }} value=${value} onChange=${(e) => set(e.currentTarget.value)}><option value="">${none}</option>${names.map((each) => html`<option key=${each} value=${each} selected=${each === value}>${each}</option>`)}</select></label>`;

/** By which parameter the rows of a table are gathered; it may be one that no other choice has. */
export const RowsBy = ({ grouping: { names }, gathering: { by, choose } }) => (names.length > 0 || by) && html`<${Pick} text="Rows by" value=${by} set=${choose} names=${names.includes(by) || !by ? names : [...names, by]} />`;

export const GroupingBar = ({ grouping }) => {
  const { names, color, stroke, chart, setColor, setStroke, setChart, colors, strokes } = grouping;
  if (!names.length) return "";
  return html`<div class="row wrap" role="group" aria-label="Grouping"><${Pick} text="Colour by" value=${color} set=${setColor} names=${names} /><${Pick} text="Stroke by" value=${stroke} set=${setStroke} names=${names} /><${Pick} text="Chart by" value=${chart} set=${setChart} names=${names} none="metric" />
    ${(colors.length > 0 || strokes.length > 0) && html`<ul class="legend groups" aria-label="Groups">${[...legend(color, colors), ...legend(stroke, strokes)]}</ul>`}</div>`;
};

/** What each colour, or stroke, stands for. */
const legend = (name, list) => list.map((each) => html`<${One} key=${`${name} ${each.name}`} parameter=${name} group=${each} />`);

const One = ({ parameter, group }) => {
  const dark = useDark();
  return html`<li class="row told"><${Swatch} mark=${group.mark} dark=${dark} /><span class="quiet">${parameter}</span> ${group.name} <span class="by">${group.count}</span></li>`;
};
