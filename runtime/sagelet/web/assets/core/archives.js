// @ts-check
// What is said of an archive that is not listed to its end. Pure.
import { size } from "./format.js";

/** @param {{looked?: number}} archive @returns {string} */
export function restOf({ looked }) {
  return looked ? `There may be more: only its first ${size(looked)} were looked at.` : "There are more.";
}
