// @ts-check
// A filter as somebody typed it, in parts: what the control plane's own reader makes of it. Pure.

const CONDITION = /(?:^|(?<=\s))(metric|parameter)\.(\S+?)\s*(<=|>=|!=|<|>|=)\s*("[^"]*"|[^\s<>=!]\S*)(?=\s|$)/g;
const WORD = /(status|experiment|trial|tuning|is|kind):(\S+)/g;

/** @typedef {{kind: string, name: string, operator: string, value: string}} Condition */
/** @typedef {{words: string[], conditions: Condition[], marks: Record<string, string[]>}} Filter */

/** @param {string} text @returns {Filter} */
export function filterOf(text) {
  /** @type {Condition[]} */
  const conditions = [];
  /** @type {Record<string, string[]>} */
  const marks = {};
  const rest = text
    .replace(CONDITION, (whole, kind, name, operator, given) => {
      const value = given.startsWith('"') ? given.replace(/^"|"$/g, "") : given;
      if (kind === "metric" && (given.startsWith('"') || !isNumber(value))) return whole;
      conditions.push({ kind, name, operator, value });
      return " ";
    })
    .replace(WORD, (_, name, given) => {
      marks[name] = [...(marks[name] ?? []), ...given.split(",").filter(Boolean)];
      return " ";
    });
  return { words: rest.split(/\s+/).filter(Boolean), conditions, marks };
}

/** A metric's name and its statistic, if it names one. @param {string} name @returns {[string, string]} */
export function measureOf(name) {
  const found = /^(.+)\.(last|min|max|avg|stddev|std|count|at\d{1,15})$/i.exec(name);
  return found ? [found[1], found[2].toLowerCase()] : [name, "last"];
}

/** @param {string} text */
function isNumber(text) {
  return text.trim() !== "" && Number.isFinite(Number(text));
}
