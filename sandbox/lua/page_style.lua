-- How the page for people looks. By day and by night; a state and a status are words, too.

return [[
:root {
  color-scheme: light dark;
  --ground: #f6f5f1; --sheet: #fff; --line: #e2dfd7; --text: #22252a; --quiet: #62666d;
  --link: #1c5d99; --blue: #1c5d99; --green: #226b3d; --red: #a4262c; --amber: #855300;
  --blue-ground: #e3eef8; --green-ground: #e1f2e6; --red-ground: #fbe6e6; --amber-ground: #fcf0d8;
  --grey-ground: #ecebe7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #16181c; --sheet: #1f2228; --line: #343840; --text: #e6e7e9; --quiet: #a2a7af;
    --link: #8fc1f0; --blue: #9cc9f4; --green: #8fd6a6; --red: #f3a5a5; --amber: #ecc27c;
    --blue-ground: #1d3349; --green-ground: #1b3826; --red-ground: #4a2326;
    --amber-ground: #432f0f; --grey-ground: #2d3138;
  }
}
* { box-sizing: border-box }
body {
  margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 3rem;
  background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif;
}
h1 { margin: 0; font-size: 1.5rem }
h2 { margin: 2.25rem 0 .6rem; font-size: 1.1rem }
p { margin: .25rem 0 }
a { color: var(--link) }
code { font: .875em/1.5 ui-monospace, monospace }
code, td, h3 { overflow-wrap: anywhere }
.quiet { color: var(--quiet); font-size: .875rem }
.count { color: var(--quiet); font-weight: normal; font-size: .875rem }
table, article, .empty {
  width: 100%; background: var(--sheet); border: 1px solid var(--line); border-radius: .5rem;
}
table { border-collapse: separate; border-spacing: 0 }
th, td { padding: .5rem .75rem; text-align: left; vertical-align: top }
thead th { color: var(--quiet); font-size: .8125rem; font-weight: 600 }
tbody th { font-weight: 500; overflow-wrap: anywhere }
tbody > * > * { border-top: 1px solid var(--line) }
.narrow { width: 1%; white-space: nowrap }
.number { text-align: right; font-variant-numeric: tabular-nums }
time { font-variant-numeric: tabular-nums }
article, .empty { padding: .75rem }
.cards {
  display: grid; gap: .5rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr));
}
h3 { margin: 0; font-size: 1rem; font-weight: 600 }
.tag {
  display: inline-block; padding: 0 .5rem; border-radius: 1rem; background: var(--grey-ground);
  font-size: .8125rem; line-height: 1.6; white-space: nowrap;
}
.blue { background: var(--blue-ground); color: var(--blue) }
.green { background: var(--green-ground); color: var(--green) }
.red { background: var(--red-ground); color: var(--red) }
.amber { background: var(--amber-ground); color: var(--amber) }
/* A row becomes two lines: the broad cell, and the others below or above it. */
@media (max-width: 40rem) {
  body { padding: 1rem .75rem 2rem }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
  table, tbody { display: block }
  tr {
    display: grid; grid-template-columns: 1fr 1fr auto; grid-auto-flow: dense; padding: .35rem 0;
  }
  tbody > tr + tr { border-top: 1px solid var(--line) }
  tbody > tr > * { min-width: 0; border: 0; padding: .2rem .5rem .2rem .75rem }
  .broad { grid-column: 1 / -1 }
  .narrow { width: auto; white-space: normal }
  [data-label] { white-space: nowrap }
  [data-label]::before { content: attr(data-label) " "; color: var(--quiet); font-size: .8125rem }
}
]]
