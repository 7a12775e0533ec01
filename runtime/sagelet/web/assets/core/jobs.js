// @ts-check
// Where jobs of each kind are: their pages, and where the control plane is asked about them. Pure.
import { link } from "./url.js";

/** What sets the keys of processing jobs apart: a training job's key is its name. */
const PROCESSING = "processing.";

/** A job's key, which no job of another kind has. @param {string} kind @param {string} name */
export function keyOf(kind, name) {
  return kind === "processing" ? PROCESSING + name : name;
}

/** @param {string} key @returns {{kind: string, name: string}} */
export function ofKey(key) {
  return key.startsWith(PROCESSING) ? { kind: "processing", name: key.slice(PROCESSING.length) } : { kind: "training", name: key };
}

/** The page of a job, or a part of it. @param {{kind?: string, name: string}} job @param {string[]} rest
 * @param {Record<string, any>} [query] */
export function jobPage(job, rest = [], query = {}) {
  return link([job.kind === "processing" ? "processing" : "jobs", job.name, ...rest], query);
}

/** Where the control plane is asked about a job. @param {{kind?: string, name: string}} job */
export function jobPath(job) {
  return `${job.kind === "processing" ? "processing-jobs" : "jobs"}/${encodeURIComponent(job.name)}`;
}
