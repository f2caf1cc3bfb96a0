/** Light and dark by what the reader's system says; one column on a phone, two on a wide screen. */
export const pageStyle = `
:root { --ink: #1c2330; --faint: #566072; --line: #d5dae3; --paper: #f7f8fa; --card: #fff; --accent: #1b5fc1; --bad: #a3261d; --good: #176b3a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7eaf0; --faint: #a4adbd; --line: #343c4a; --paper: #12161d; --card: #1a2029; --accent: #8bb8ff; --bad: #ff9b92; --good: #7fd6a2; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline; padding: 12px 16px; border-bottom: 1px solid var(--line); background: var(--card); }
h1 { font-size: 20px; margin: 0; }
h2 { font-size: 16px; margin: 0 0 8px; }
#state { margin: 0; color: var(--faint); }
#state.bad { color: var(--bad); }
main { display: grid; gap: 16px; padding: 16px; grid-template-columns: minmax(0, 1fr); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px; min-width: 0; }
.scroll { overflow: auto; max-height: 340px; }
.hint { margin: 0 0 8px; color: var(--faint); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(130px, 1fr)); gap: 8px 16px; margin: 0; }
dt { color: var(--faint); font-size: 13px; }
dd { margin: 0; font-variant-numeric: tabular-nums; font-weight: 600; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: top; }
th { color: var(--faint); font-weight: 500; font-size: 13px; position: sticky; top: 0; background: var(--card); }
td.note { white-space: normal; color: var(--faint); min-width: 160px; }
button { font: inherit; min-height: 28px; color: var(--accent); background: none; border: 1px solid var(--line); border-radius: 6px; padding: 2px 10px; cursor: pointer; }
button[aria-pressed=true] { border-color: var(--accent); font-weight: 600; }
select { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 6px 8px; max-width: 100%; }
form { margin: 12px 0 8px; display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.got { color: var(--good); } .not { color: var(--bad); }
h3 { font-size: 14px; margin: 14px 0 4px; }
@media (min-width: 1100px) {
  main { grid-template-columns: repeat(2, minmax(0, 1fr)); grid-template-rows: repeat(4, auto) 1fr; align-items: start; }
  main > section:first-child { grid-column: 1 / -1; }
  dl { grid-template-columns: repeat(7, minmax(0, 1fr)); }
  #life { grid-column: 2; grid-row: 2 / span 4; }
}
`
