/** CPU per request as bars, beside the yardstick: an SVG that reads on light and on dark pages. */
import { spread } from './harness/numbers.mjs';
import { labelOf, yardstickName } from './sections.mjs';

const ROW = 22;
const LABELS = 470;
const BARS = 330;
const WIDTH = LABELS + BARS + 90;
const TOP = 44;

const plain = (label) => label.replace(/[*`]/g, '').replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** `table`: one level of what `inFlight` measured. Logarithmic, from half the yardstick on: the dearest are ten times the cheapest. */
export function chart(table, level) {
  const bars = Object.entries(table)
    .map(([name, { cpu }]) => ({ name, label: plain(labelOf(name)), ratio: name === yardstickName ? 1 : spread(cpu.ratios).median }))
    .sort((one, other) => one.ratio - other.ratio);
  const [least, most] = [Math.min(0.5, bars[0].ratio * 0.8), bars.at(-1).ratio];
  const width = (ratio) => Math.max(2, (BARS * Math.log(ratio / least)) / Math.log(most / least));
  const one = LABELS + width(1);
  const height = TOP + bars.length * ROW + 12;
  const rows = bars.map(({ name, label, ratio }, index) => {
    const y = TOP + index * ROW;
    const kind = name === yardstickName ? 'yardstick' : name.startsWith('mesh-') ? 'mesh' : 'other';
    return `  <text class="label ${kind}-label" x="${LABELS - 10}" y="${y + 14}">${label}</text>\n`
      + `  <rect class="${kind}" x="${LABELS}" y="${y + 3}" width="${width(ratio).toFixed(1)}" height="${ROW - 7}" rx="2"/>\n`
      + `  <text class="value" x="${(LABELS + width(ratio) + 6).toFixed(1)}" y="${y + 14}">${ratio.toFixed(2)}×</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="CPU per request beside bare undici, ${level} in flight">
  <style>
    text { font: 12px system-ui, sans-serif; fill: #24292f }
    .title { font-size: 14px; font-weight: 600 }
    .label { text-anchor: end }
    .mesh-label { font-weight: 600 }
    .mesh { fill: #2a7d5f }
    .yardstick { fill: #57606a }
    .other { fill: #b6bec8 }
    .one { stroke: #57606a; stroke-dasharray: 3 3 }
    @media (prefers-color-scheme: dark) { text { fill: #d6dde6 } .mesh { fill: #4cc38a } .yardstick { fill: #9aa4b0 } .other { fill: #4a535e } .one { stroke: #9aa4b0 } }
  </style>
  <text class="title" x="10" y="20">CPU per request ÷ bare undici, ${level} in flight (logarithmic; shorter is better)</text>
  <line class="one" x1="${one.toFixed(1)}" y1="${TOP - 8}" x2="${one.toFixed(1)}" y2="${height - 8}"/>
${rows.join('\n')}
</svg>
`;
}
