// --- colors: of points by class or by their error, and which classes are shown.

const CLASS_COLORS = [
  "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
];
const SINGLE_COLOR = "#3b82c4";
// Viridis at equal distances.
const SCALE = ["#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725"];
const SCALE_STEPS = 32;

const hiddenClasses = new Uint8Array(classes.length); // 1 for those that are filtered out
const isShown = (index) => !labels || !hiddenClasses[labels[index]];

// Beyond ten classes the hues go round by the golden angle, so that neighboring numbers differ.
function classColor(number) {
  if (classes.length <= CLASS_COLORS.length) return CLASS_COLORS[number];
  return `hsl(${Math.round(number * 137.5) % 360} ${60 + 15 * (number % 2)}% ${45 + 12 * (number % 3)}%)`;
}

function scaleColor(part) {
  const place = part * (SCALE.length - 1), low = Math.min(SCALE.length - 2, Math.floor(place)), rest = place - low;
  const channel = (color, start) => parseInt(color.slice(start, start + 2), 16);
  const mixed = [1, 3, 5].map((start) =>
    Math.round(channel(SCALE[low], start) * (1 - rest) + channel(SCALE[low + 1], start) * rest));
  return `rgb(${mixed.join(" ")})`;
}

// Errors between their 1st and 99th percentile span the scale.
function errorLimits() {
  const known = errors.filter(Number.isFinite).sort();
  if (!known.length) return null;
  return [known[Math.floor(0.01 * (known.length - 1))], known[Math.ceil(0.99 * (known.length - 1))]];
}

const limits = errorLimits();

// The ways to color: a name, colors, and the color of each point as an index of them.
const COLORINGS = {};
if (labels) {
  const palette = classes.map((_, number) => classColor(number));
  COLORINGS.class = { text: "class", palette, indices: labels };
}
if (limits) {
  const [low, high] = limits;
  COLORINGS.error = {
    text: "error (MSE)",
    palette: Array.from({ length: SCALE_STEPS }, (_, step) => scaleColor(step / (SCALE_STEPS - 1))),
    indices: Uint32Array.from(errors, (error) =>
      Number.isFinite(error) && high > low
        ? Math.max(0, Math.min(SCALE_STEPS - 1, Math.round((SCALE_STEPS - 1) * (error - low) / (high - low))))
        : 0),
  };
}
COLORINGS.none = { text: "nothing", palette: [SINGLE_COLOR], indices: new Uint32Array(count) };

let coloring = Object.values(COLORINGS)[0];
const pointColor = (index) => coloring.palette[coloring.indices[index]];

// The entries of classes, which filter, and the scale of errors.
function fillLegend(onFilter) {
  const legend = element("legend");
  legend.replaceChildren();
  if (coloring === COLORINGS.error) {
    const scale = make("span", "scale");
    scale.style.background = `linear-gradient(to right, ${SCALE.join(", ")})`;
    const [low, high] = limits.map(formatNumber);
    legend.append(make("span", "", `error ${low}`), scale, make("span", "", high));
  }
  if (!labels) return;
  legend.setAttribute("role", "group");
  legend.setAttribute("aria-label", "Classes that are shown");
  const counts = new Uint32Array(classes.length);
  for (const label of labels) counts[label]++;
  const entries = classes.map((name, number) => {
    const entry = make("button");
    entry.type = "button";
    const swatch = make("span", "swatch");
    swatch.style.background = coloring === COLORINGS.class ? classColor(number) : "var(--quiet)";
    entry.append(swatch, make("span", "", name), make("span", "count", formatCount(counts[number])));
    entry.addEventListener("click", () => { hiddenClasses[number] ^= 1; refresh(); });
    return entry;
  });
  const refresh = () => {
    entries.forEach((entry, number) => entry.setAttribute("aria-pressed", String(!hiddenClasses[number])));
    onFilter();
  };
  for (const [text, hidden] of [["All", 0], ["None", 1]]) {
    const button = make("button", "", text);
    button.type = "button";
    button.addEventListener("click", () => { hiddenClasses.fill(hidden); refresh(); });
    legend.append(button);
  }
  legend.append(...entries);
  refresh();
}
