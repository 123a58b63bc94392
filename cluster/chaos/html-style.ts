// How the report page looks, in light and in dark. System fonts and no other resource, so that the file can be sent around.

export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f7f7f5; --card: #ffffff; --ink: #1c1c1a; --soft: #63635e; --line: #e3e3de;
  --good: #1a7f4b; --bad: #c4314b;
  --leader: #2a78d6; --follower: #b9cfe8; --candidate: #e0a100; --silent: #d5d5cf;
  --down: #c4314b; --paused: #8a63d2; --fault: #1c1c1a; --area: #2a78d61f; --gap: #e0a100;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #171716; --card: #20201e; --ink: #ecece7; --soft: #a3a39b; --line: #383834;
    --good: #4cc38a; --bad: #f0718a;
    --leader: #5b9ee9; --follower: #33506f; --candidate: #d9a521; --silent: #4a4a45;
    --down: #d9536c; --paused: #a98be6; --fault: #ecece7; --area: #5b9ee926; --gap: #d9a521;
  }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 64px }
header { display: flex; flex-wrap: wrap; gap: 8px 20px; align-items: baseline }
h1 { font-size: 26px; margin: 0; letter-spacing: -.01em }
h2 { font-size: 16px; margin: 0 0 4px }
p { margin: 0 }
.soft, .caption { color: var(--soft) }
.caption { font-size: 13px; margin-bottom: 10px }
.badge { font-weight: 600; padding: 3px 12px; border-radius: 99px; color: var(--card); background: var(--good) }
.badge.bad { background: var(--bad) }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 18px 20px; margin-top: 18px }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); gap: 12px; margin-top: 18px }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px }
.tile b { display: block; font-size: 24px; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.25 }
.tile span { color: var(--soft); font-size: 13px }
.tile.bad b { color: var(--bad) }
.wrong { border-color: var(--bad) }
.wrong li { margin: 4px 0; overflow-wrap: anywhere }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; color: var(--soft); margin-bottom: 8px }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 6px; vertical-align: -1px }
svg { display: block; width: 100%; height: auto }
svg text { font-family: inherit; fill: var(--soft); font-size: 12px }
svg text.label { fill: var(--ink); font-weight: 600; font-size: 13px }
.tick, .rule { stroke: var(--line); stroke-width: 1 }
.leader { fill: var(--leader); background: var(--leader) }
.follower { fill: var(--follower); background: var(--follower) }
.candidate { fill: var(--candidate); background: var(--candidate) }
.silent { fill: var(--silent); background: var(--silent) }
.down { fill: var(--down); background: var(--down) }
.paused { fill: var(--paused); background: var(--paused) }
.fault { fill: var(--fault); background: var(--fault) }
.area { fill: var(--area) }
.line { fill: none; stroke: var(--leader); stroke-width: 2; stroke-linejoin: round }
.gap { fill: var(--gap) }
.touch { fill: transparent }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums }
th { text-align: left; color: var(--soft); font-weight: 500; font-size: 13px }
th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top }
tr:last-child td { border-bottom: 0 }
footer { color: var(--soft); font-size: 13px; margin-top: 18px }
`
