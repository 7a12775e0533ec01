// What is looked for in lines of a log. Pure.
import { searched } from "./ansi.js";

const ERROR = /(^|[^a-z_=])(error|exception|traceback|fatal|panic|segfault|oom-kill|out of memory)([^a-z_=]|$)/i;
const RAISED = /[a-z](Error|Exception)\b|\bKilled\b|core dumped/;

/** Whether a line says that something went wrong; as web/lanes.py has it. */
export function looksWrong(text) {
  const line = searched(text);
  return ERROR.test(line) || RAISED.test(line);
}

/** What was typed as a pattern, in any case unless it has capitals; null for what is none. */
export function finder(text, regex) {
  const flags = !regex && /[A-Z]/.test(text) ? "g" : "gi";
  try {
    return new RegExp(regex ? text : text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), flags);
  } catch {
    return null;
  }
}

/** Whether a line has it. */
export function matcher(text, regex) {
  const pattern = finder(text, regex);
  return pattern && ((line) => searched(line).search(pattern) >= 0);
}
