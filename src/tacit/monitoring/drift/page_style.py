"""How the daily report looks: by day and by night, on paper and on a telephone."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--paper:#f7f7f4;--card:#fff;--ink:#1b1d22;--quiet:#5c6270;--line:#dddfe4;
--track:#e7e8ec;--before:#a3a9b7;--now:#2f5fd0;--ok:#1c7a4b;--warn:#9a5b00;--retrain:#b3261e;--none:#5c6270}
@media(prefers-color-scheme:dark){:root{--paper:#14161b;--card:#1d2027;--ink:#eceef3;--quiet:#a3a9b7;--line:#31353f;
--track:#2b2f39;--before:#6d7484;--now:#8fb0ff;--ok:#6fd3a0;--warn:#f0b35a;--retrain:#ff8f86;--none:#a3a9b7}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 20px 64px}
header{display:flex;gap:32px;justify-content:space-between;align-items:flex-end;flex-wrap:wrap;
padding:0 0 24px;border-bottom:1px solid var(--line)}
header>div:first-child{flex:1 1 420px}
h1{font-size:30px;line-height:1.2;margin:4px 0 8px;letter-spacing:-.01em}
h2{font-size:17px;margin:36px 0 12px}
h3{font-size:15px;margin:0;font-weight:600}
p{margin:0 0 8px;max-width:70ch}
.eyebrow{color:var(--quiet);font-size:13px;margin:0}
.quiet,small,footer{color:var(--quiet);font-size:13px}
.score{flex:0 1 220px}
.score strong{font-size:52px;line-height:1;font-variant-numeric:tabular-nums;letter-spacing:-.03em}
.gauge{display:block;width:100%;height:14px;margin:8px 0;overflow:visible}
.track{fill:var(--track)}.fill{fill:var(--state,var(--now))}
.gauge line{stroke:var(--quiet);stroke-width:1}
.ok{--state:var(--ok)}.warn{--state:var(--warn)}.retrain{--state:var(--retrain)}.not_enough_data{--state:var(--none)}
header .score strong,article strong{color:var(--state)}
.timeline{width:100%;height:auto;display:block}
.timeline text{font-size:11px;fill:var(--quiet)}
.timeline polyline{fill:none;stroke:var(--now);stroke-width:2;stroke-linejoin:round}
.timeline .area{fill:var(--now);opacity:.1}
.timeline circle{fill:var(--now)}
.timeline line{stroke-dasharray:3 4}
.timeline line.warn{stroke:var(--warn)}.timeline line.retrain{stroke:var(--retrain)}
.cards{display:grid;gap:14px;grid-template-columns:repeat(auto-fill,minmax(310px,1fr))}
article{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px}
.row{display:flex;justify-content:space-between;gap:12px;align-items:baseline}
article strong{font-size:20px;font-variant-numeric:tabular-nums}
.badge{display:inline-block;font-size:12px;color:var(--state);border:1px solid currentColor;border-radius:99px;
padding:0 8px;white-space:nowrap}
.bars{list-style:none;margin:8px 0;padding:0}
.bars li{display:grid;grid-template-columns:minmax(0,1fr) 64px 124px;gap:8px;align-items:center;font-size:13px}
.bars span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.bars svg{width:64px;height:9px}
.bars em{font-style:normal;color:var(--quiet);text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.before{fill:var(--before)}.now{fill:var(--now)}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:8px 12px 8px 0;border-bottom:1px solid var(--line);white-space:nowrap}
thead th{font-weight:500;color:var(--quiet);font-size:13px}
tbody th{font-weight:600}
footer{margin-top:40px;border-top:1px solid var(--line);padding-top:16px}
@media print{body{background:#fff}article{break-inside:avoid}}
""".replace("\n", "")
