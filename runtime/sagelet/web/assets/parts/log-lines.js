// Lines of a log as elements. They are made by hand, not by the framework: thousands a second come
// and go.
import { colorOf, isDark } from "../core/colors.js";
import { found, looksWrong } from "../core/find.js";
import { clock } from "../core/format.js";
import { jobPage } from "../core/jobs.js";
import { headOf, split } from "../core/lanes.js";

/** Longer lines are not looked at for metrics: a pattern of a user's may take its time. */
const LONG = 600;

/** Put a page of lines into `box`: instead of "all", at its "start" or at its "end". `here` is where
 * the window begins and ends, and is moved when lines go because there are more than `most`. */
export function put(box, page, where, { job, view, here, most }) {
  const fragment = document.createDocumentFragment();
  for (const each of page.lines) fragment.append(lineOf(job, page.lanes[each[0]], each, view));
  if (where === "all") {
    box.replaceChildren(fragment);
  } else if (where === "end") {
    box.append(fragment);
    trim(box, here, most, true);
  } else {
    const before = box.scrollHeight;
    const at = box.scrollTop;
    box.prepend(fragment);
    box.scrollTop = at + box.scrollHeight - before;
    trim(box, here, most, false);
  }
}

/** Mark one line of those in `box`, by its place; null if it is not among them. */
export function point(box, mark) {
  box.querySelectorAll(".here").forEach((each) => each.classList.remove("here"));
  const line = box.querySelector(`[data-at="${CSS.escape(mark)}"]`);
  line?.classList.add("here");
  return line;
}

/** The patterns of MetricDefinitions that this browser understands. */
export function patterns(definitions) {
  return definitions.flatMap((each) => {
    try {
      return [new RegExp(each.Regex)];
    } catch {
      return [];
    }
  });
}

function lineOf(job, lane, [, offset, time, text, marks], view) {
  const line = document.createElement("div");
  if (looksWrong(text)) line.className = "ln error";
  else line.className = text.length < LONG && view.measures.some((each) => each.test(text)) ? "ln measure" : "ln";
  line.dataset.at = `${lane}:${offset}`;
  const number = document.createElement("a");
  number.className = "no";
  number.href = jobPage(job, ["logs"], { line: line.dataset.at });
  number.textContent = "¶";
  number.title = "Link to this line";
  number.tabIndex = -1;
  const when = document.createElement("a");
  when.className = "tm";
  when.textContent = clock(time / 1000);
  when.hidden = !view.times;
  line.append(number, when);
  const head = headOf(lane, view);
  if (head) {
    const host = document.createElement("span");
    host.className = "host";
    host.textContent = head;
    host.style.color = colorOf(head, isDark());
    line.append(host);
  }
  const body = document.createElement("span");
  body.className = "tx";
  for (const piece of found(text, view.regex ? "" : view.text, marks)) {
    const span = document.createElement(piece.marked ? "mark" : "span");
    span.className = piece.classes;
    span.textContent = piece.text;
    body.append(span);
  }
  line.append(body);
  return line;
}

/** Take away what is too much, and know where the window now begins or ends. */
function trim(lines, here, most, fromTop) {
  let extra = lines.childElementCount - most;
  if (extra <= 0) return;
  const before = lines.scrollHeight;
  const moved = {};
  while (extra-- > 0) {
    const gone = fromTop ? lines.firstElementChild : lines.lastElementChild;
    const [lane, offset] = split(gone.dataset.at);
    moved[lane] = Number(offset);
    gone.remove();
  }
  if (fromTop) {
    // The next line of each lane that is still there is where it begins now.
    for (const lane of Object.keys(moved)) {
      const next = [...lines.children].find((each) => split(each.dataset.at)[0] === lane);
      here.start[lane] = next ? Number(split(next.dataset.at)[1]) : here.end[lane];
    }
    lines.scrollTop -= before - lines.scrollHeight;
  } else {
    Object.assign(here.end, moved);
    here.atEnd = false;
  }
}
