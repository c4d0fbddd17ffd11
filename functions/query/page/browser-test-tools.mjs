// What the page's test works with: browser, offences, rewritten answers, pixels; judges nothing.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, resolve } from "node:path";

const BROWSERS = ["chromium", "chromium-browser", "google-chrome"];
/** The price axis repeats the candles' colours in its labels. */
const PRICE_AXIS_PIXELS = 90;
/** How far a channel may be off: pictures are exact, screens with a colour profile are not. */
const TOLERANCE = 4;

/** $CHROMIUM, else the first known browser that runs: Ubuntu's chromium-browser may be a stub. */
export function browserPath() {
  const names = process.env.CHROMIUM ? [process.env.CHROMIUM] : BROWSERS;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const paths = names.flatMap((name) => folders.map((folder) => resolve(folder, name)));
  const runs = (path) => spawnSync(path, ["--version"], { stdio: "ignore" }).status === 0;
  const found = paths.find((path) => existsSync(path) && runs(path));
  if (found === undefined) {
    throw new Error(`no browser: none of ${names.join(", ")} runs; install chromium or set CHROMIUM`);
  }
  return found;
}

/** A browser context whose pages report every offence into `offences`. */
export async function watchedContext(browser, options, origin, offences) {
  const context = await browser.newContext(options);
  await context.exposeBinding("reportViolation", (_, words) => {
    offences.violations.add(words);
  });
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      window.reportViolation(`${event.effectiveDirective} blocks ${event.blockedURI}`);
    });
  });
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.origin !== origin) offences.foreign.add(request.url());
  });
  context.on("console", (message) => {
    if (message.type() !== "error") return;
    // While a check makes requests fail on purpose, the browser rightly logs that they do.
    if (offences.failuresExpected && /Failed to load resource/.test(message.text())) return;
    offences.errors.add(message.text());
  });
  context.on("weberror", (error) => offences.errors.add(error.error().message));
  return context;
}

/** 0 is black, 255 is white. `painter` is an empty page that decodes the picture. */
export async function cornerBrightness(painter, png) {
  const [red, green, blue] = await painter.evaluate(decodeCorner, png.toString("base64"));
  return Math.round((red + green + blue) / 3);
}

/** Left of the price axis: how many pixels, on how many rows and columns, have each colour. */
export function findColours(painter, png, colours) {
  const limits = { axis: PRICE_AXIS_PIXELS, tolerance: TOLERANCE };
  return painter.evaluate(countColours, { png: png.toString("base64"), colours, ...limits });
}

export async function until(what, ms, holds) {
  for (const end = Date.now() + ms; Date.now() < end; ) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`${what}: not within ${ms / 1000} s`);
}

/** Lets a request for bars through and changes the bars of its answer. */
export async function rewrite(route, change) {
  try {
    const response = await route.fetch();
    const body = await response.json();
    await route.fulfill({ response, json: { ...body, bars: change(body.bars) } });
  } catch {
    // The page was left before its answer came.
  }
}

export function minutesBefore(iso, minutes) {
  return Date.parse(iso) - minutes * 60_000;
}

/** A minute as the page writes it. */
export function stamp(ms) {
  return new Date(ms).toISOString().slice(0, 16).replace("T", " ");
}

// These two run inside the browser and can therefore share nothing.

async function decodeCorner(png) {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const pen = document.createElement("canvas").getContext("2d");
  pen.drawImage(image, 0, 0);
  return Array.from(pen.getImageData(1, 1, 1, 1).data);
}

async function countColours({ png, colours, axis, tolerance }) {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  const bytes = pen.getImageData(0, 0, image.width, image.height).data;
  const result = {};
  for (const [name, hex] of colours) {
    const rgb = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    const [rows, columns] = [new Set(), new Set()];
    let pixels = 0;
    for (let i = 0; i < bytes.length; i += 4) {
      const x = (i / 4) % image.width;
      if (x > image.width - axis) continue;
      if (rgb.some((value, at) => Math.abs(bytes[i + at] - value) > tolerance)) continue;
      pixels += 1;
      rows.add(Math.floor(i / 4 / image.width));
      columns.add(x);
    }
    result[name] = { pixels, rows: rows.size, columns: columns.size };
  }
  return result;
}
