// An address: of s3 a link to the page that shows what lies there.
import { html } from "../vendor/preact-htm.js";
import { link } from "../core/url.js";

export const Uri = ({ uri }) => {
  const found = /^s3:\/\/([^/]+)\/?(.*)$/.exec(uri ?? "");
  if (!found) return html`<code>${uri}</code>`;
  const folder = found[2].slice(0, found[2].lastIndexOf("/") + 1);
  return html`<a href=${link(["storage", found[1]], { prefix: folder, key: found[2] === folder ? "" : found[2] })}><code>${uri}</code></a>`;
};
