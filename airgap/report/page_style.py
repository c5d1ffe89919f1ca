"""The page's own style and script: all there is, in the page itself.

Colours are GitHub Primer's in both schemes, each pair of text and ground at 4.5:1 or more (WCAG 2.2
AA). What became of a thing is never told by colour alone: there is a word, and a form of line.
"""

from __future__ import annotations

__all__ = ["SCRIPT", "STYLE"]

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #ffffff; --raised: #f6f8fa; --text: #1b1f24; --muted: #57606a; --line: #d0d7de;
  --link: #0550ae; --focus: #0550ae; --target: #ddf4ff;
  --added: #0a5a23; --added-ground: #dafbe1; --added-line: #1a7f37;
  --changed: #6a4400; --changed-ground: #fff8c5; --changed-line: #9a6700;
  --removed: #a40e26; --removed-ground: #ffebe9; --removed-line: #cf222e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0d1117; --raised: #161b22; --text: #e6edf3; --muted: #9ea7b3; --line: #3d444d;
    --link: #79b8ff; --focus: #79b8ff; --target: #12304f;
    --added: #7ee2a0; --added-ground: #12261e; --added-line: #3fb950;
    --changed: #f0c862; --changed-ground: #272115; --changed-line: #d29922;
    --removed: #ffa198; --removed-ground: #301b1e; --removed-line: #f85149;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif;
}
a { color: var(--link); }
a:focus-visible, summary:focus-visible, [tabindex]:focus-visible {
  outline: 3px solid var(--focus); outline-offset: 2px;
}
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--ground); padding: .5rem 1rem; z-index: 1; }
header, footer { padding: 1.25rem 1.5rem; background: var(--raised); }
header { border-bottom: 1px solid var(--line); }
footer { border-top: 1px solid var(--line); color: var(--muted); }
header > *, footer > *, .columns { max-width: 90rem; margin-inline: auto; }
h1 { font-size: 1.1rem; font-weight: 600; color: var(--muted); margin-block: 0; }
.headline { font-size: 1.45rem; line-height: 1.35; font-weight: 600; margin-block: .25rem .5rem; }
.basis { color: var(--muted); margin-block: .25rem; }
.verdict { font-weight: 600; margin-block: .5rem 0; }
.columns { display: grid; grid-template-columns: 13rem minmax(0, 1fr); }
nav { padding: 1.25rem 0 1.25rem 1.5rem; }
nav ul { list-style: none; margin: 0; padding: 0; position: sticky; top: 1rem; }
nav a { display: block; padding: .2rem .5rem; text-decoration: none; border-radius: 6px; }
nav a:hover { background: var(--raised); text-decoration: underline; }
main { padding: .25rem 1.5rem 2rem; min-width: 0; }
section { margin-block: 1.5rem; }
h2 { font-size: 1.2rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
h3 { font-size: 1rem; margin-block: 1.25rem .5rem; }
h4 { font-size: .9rem; margin-block: 1rem .25rem; color: var(--muted); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem;
  border-bottom: 1px solid var(--line); }
thead th { color: var(--muted); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 400; min-width: 11rem; }
tbody th code { overflow-wrap: break-word; }
#policies td { min-width: 7rem; overflow-wrap: break-word; }
#policies td:nth-last-child(-n+2) { min-width: 14rem; }
#policies code { overflow-wrap: break-word; }
td.number { white-space: nowrap; text-align: right; }
code { font: .85em ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace;
  overflow-wrap: anywhere; }
ul.plain { list-style: none; padding: 0; margin: 0; }
.index { columns: 20rem; column-gap: 2rem; font-size: .875rem; }
.index li { break-inside: avoid; margin-bottom: .2rem; }
summary { cursor: pointer; padding: .3rem 0; }
.mark { display: inline-block; white-space: nowrap; font-size: .8125rem; font-weight: 600;
  padding: 0 .5em; border-radius: 1em; border: 1.5px solid var(--line); }
.mark.added { color: var(--added); background: var(--added-ground);
  border-color: var(--added-line); }
.mark.changed { color: var(--changed); background: var(--changed-ground);
  border-color: var(--changed-line); border-style: dashed; }
.mark.removed { color: var(--removed); background: var(--removed-ground);
  border-color: var(--removed-line); border-style: dotted; }
.refused { color: var(--removed); }
.passed { color: var(--added); }
del { color: var(--removed); text-decoration-thickness: 1px; }
ins { color: var(--added); text-decoration: none; }
ins::before { content: "+ "; } del::before { content: "\\2212 "; }
.absent, .secret { color: var(--muted); font-style: italic; }
:target { background: var(--target); scroll-margin-top: 1rem; }
.picture svg { display: block; min-width: 70rem; width: 100%; height: auto; }
.picture text { fill: var(--text); font-size: 13px; }
.picture .detail { fill: var(--muted); font-size: 11.5px; }
.picture .word { font-size: 11.5px; font-weight: 600; }
.picture .column { fill: var(--muted); font-size: 12px; font-weight: 600; }
.picture .edge { fill: none; stroke: var(--muted); stroke-width: 1.25; }
.picture .what { fill: var(--muted); font-size: 11px; paint-order: stroke;
  stroke: var(--ground); stroke-width: 4px; }
.picture .tip { fill: var(--muted); }
.picture rect { fill: var(--raised); stroke: var(--line); stroke-width: 1.25; }
.picture .added rect { fill: var(--added-ground); stroke: var(--added-line); stroke-width: 2.5; }
.picture .changed rect { fill: var(--changed-ground); stroke: var(--changed-line);
  stroke-width: 2.5; stroke-dasharray: 7 4; }
.picture .removed rect { fill: var(--removed-ground); stroke: var(--removed-line);
  stroke-width: 2.5; stroke-dasharray: 2 3; }
.picture .removed .name { text-decoration: line-through; }
.picture .added .word { fill: var(--added); } .picture .changed .word { fill: var(--changed); }
.picture .removed .word { fill: var(--removed); }
.picture a:focus-visible { outline: none; }
.picture a:focus-visible rect { stroke: var(--focus); stroke-width: 4; stroke-dasharray: none; }
.picture a:hover .name { text-decoration: underline; }
@media (max-width: 60rem) {
  .columns { grid-template-columns: minmax(0, 1fr); }
  nav { padding: 1rem 1.5rem 0; }
  nav ul { display: flex; flex-wrap: wrap; position: static; }
}
@media print {
  :root {
    --ground: #ffffff; --raised: #ffffff; --text: #000000; --muted: #444444; --line: #999999;
    --link: #000000; --target: #ffffff;
    --added: #0a5a23; --added-ground: #ffffff; --added-line: #1a7f37;
    --changed: #6a4400; --changed-ground: #ffffff; --changed-line: #9a6700;
    --removed: #a40e26; --removed-ground: #ffffff; --removed-line: #cf222e;
  }
  body { font-size: 10pt; }
  nav, .skip, .for-screens { display: none; }
  .columns { display: block; }
  header, main, footer { padding-inline: 0; }
  a { text-decoration: none; }
  .scroll { overflow: visible; }
  .picture svg { min-width: 0; }
  .index { columns: auto; }
  thead { display: table-header-group; }
  tr, .thing > h3, h2 { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; }
  details:not([open])::details-content { content-visibility: visible; block-size: auto; }
  table { font-size: 8.5pt; }
  @page { margin: 14mm; }
}
"""

SCRIPT = """
"use strict";
(() => {
  const reveal = () => {
    const found = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!found) return;
    for (let each = found; each; each = each.parentElement) {
      if (each instanceof HTMLDetailsElement) each.open = true;
    }
    found.scrollIntoView({ block: "start" });
    if (found.tabIndex < 0) found.focus({ preventScroll: true });
  };
  addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const href = link ? link.getAttribute("href") : null;
    if (href && href.startsWith("#") && href === location.hash) setTimeout(reveal);
  });
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const each of closed) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
  });
  reveal();
})();
"""
