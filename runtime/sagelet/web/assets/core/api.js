// Asking the control plane, and what it says when it refuses.
import { answered } from "./connection.js";
import { params, region } from "./url.js";

export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** What is said when nothing answers. */
export const AWAY = "The control plane does not answer. Is it running? Start it with: sagelet serve";

let token = null;

export async function get(path, query = {}, { signal } = {}) {
  const text = params({ region: region(), ...query });
  return read(await ask(`/_api/${path}${text ? `?${text}` : ""}`, { signal }));
}

/** A change; a token that a restarted control plane does not know any more is asked for again. */
export async function write(method, path, query = {}, body = undefined) {
  const text = params({ region: region(), ...query });
  const url = `/_api/${path}${text ? `?${text}` : ""}`;
  for (let tries = 0; ; tries++) {
    token ??= (await get("token")).token;
    const answer = await ask(url, { method, body, headers: { "X-Sagelet-Token": token } });
    if (answer.status !== 403 || tries) return read(answer);
    token = null;
  }
}

/** A browser drops requests when a network of this machine comes or goes: reading is tried again. */
async function ask(url, options, tries = options.method ? 0 : 3) {
  try {
    const answer = await fetch(url, { ...options, redirect: "error" });
    answered(true);
    return answer;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (tries > 0) {
      await new Promise((go) => setTimeout(go, 250));
      return ask(url, options, tries - 1);
    }
    answered(false);
    throw new Refused(0, "Offline", AWAY);
  }
}

async function read(answer) {
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  let said = {};
  try {
    said = await answer.json();
  } catch {
    // not JSON: the status has to do
  }
  const detail = typeof said.detail === "string" ? said.detail : "";
  throw new Refused(answer.status, said.code ?? "", said.message ?? (detail || `The control plane answered ${answer.status}.`));
}
