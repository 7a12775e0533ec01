// What stands in the place of a page that could not be drawn: a fault of ours, never a blank page.
import { html, useEffect, useErrorBoundary } from "../vendor/preact-htm.js";
import { link } from "../core/url.js";

/** `address`: another one is another try. */
export const Boundary = ({ address, children }) => {
  const [error, again] = useErrorBoundary((thrown) => console.warn(thrown));
  useEffect(() => {
    if (error) again();
  }, [address]);
  if (!error) return children;
  return html`<div class="empty" role="alert">
    <h1>This page could not be drawn</h1>
    <p class="note bad">${error.message ?? String(error)}</p>
    <p class="quiet">It is a fault of the page, not of your jobs: they go on. The browser's console has the place.</p>
    <div class="row"><button class="button" onClick=${again}>Try again</button><a class="button" href=${link([])}>Overview</a></div></div>`;
};
