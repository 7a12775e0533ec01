// What is looked for in lines of a log. Pure.
import { pieces, searched } from "./ansi.js";

const ERROR = /(^|[^a-z_=])(error|exception|traceback|fatal|panic|segfault|oom-kill|out of memory)([^a-z_=]|$)/i;
const RAISED = /[a-z](Error|Exception)\b|\bKilled\b|core dumped/;

/** Whether a line says that something went wrong; as web/lanes.py has it. */
export function looksWrong(text) {
  const line = searched(text);
  return ERROR.test(line) || RAISED.test(line);
}

/** Whether a line has what was typed, in any case unless it has capitals. */
export function matcher(wanted) {
  const pattern = finder(wanted);
  return (text) => searched(text).search(pattern) >= 0;
}

/** What is seen of a line with what was found in it: [{text, classes, marked}]. A text is looked for
 * here; where a regular expression matches, the control plane has said (`marks`, places in what is
 * searched): one that takes for ever would take this page with it. */
export function found(text, wanted, marks) {
  const shown = pieces(text);
  let spans = [];
  if (marks) {
    const line = searched(text).replace(/\r+$/, "");
    const before = line.lastIndexOf("\r") + 1; // written over since
    spans = marks.map(([start, end]) => [start - before, end - before]);
  } else if (wanted) {
    const line = shown.map((each) => each.text).join("");
    spans = [...line.matchAll(finder(wanted))].map((each) => [each.index, each.index + each[0].length]);
  }
  return spans.length ? cut(shown, spans) : shown;
}

function cut(shown, spans) {
  const all = [];
  let from = 0;
  for (const { text, classes } of shown) {
    let at = 0;
    const upTo = (place, marked) => {
      const end = Math.min(Math.max(place - from, at), text.length);
      if (end > at) all.push({ text: text.slice(at, end), classes, marked });
      at = end;
    };
    for (const [start, end] of spans) {
      upTo(start, false);
      upTo(end, true);
    }
    upTo(from + text.length, false);
    from += text.length;
  }
  return all;
}

function finder(wanted) {
  return new RegExp(wanted.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), /[A-Z]/.test(wanted) ? "g" : "gi");
}
