// Checks in a real browser what a reader sees of a running server's page; starts no server.
//
//     node browser-test.mjs URL PICTURE.png
//
// The server is expected to show about a day of minutes for a few symbols and then to move on live.
// The browser is $CHROMIUM, else chromium, chromium-browser or google-chrome from the PATH.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import {
  browserPath,
  cornerBrightness,
  findColours,
  minutesBefore,
  rewrite,
  stamp,
  until,
  watchedContext,
} from "./browser-test-tools.mjs";

const READY_MS = 60_000;
const LIVE_MS = 60_000;
const RECOVERY_MS = 40_000;
const BARS_OF_A_DAY_MIN = 1000;
const FLAGS = (
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync " +
  "--disable-background-networking --disable-component-update"
).split(" ");
const DESKTOP = { width: 1280, height: 720 };
const PHONE = { width: 360, height: 740 };
const OUTAGE = "The database is away for a moment.";

const [base, picture] = process.argv.slice(2);
if (base === undefined || picture === undefined) {
  console.error("usage: node browser-test.mjs URL PICTURE.png");
  process.exit(2);
}
const origin = new URL(base).origin;

/** What no check may cause; judged at the very end. */
const offences = { errors: new Set(), violations: new Set(), foreign: new Set() };

const browser = await chromium.launch({ executablePath: browserPath(), args: FLAGS });
const desktop = { viewport: DESKTOP, colorScheme: "light" };
const context = await watchedContext(browser, desktop, origin, offences);
const painter = await (await browser.newContext()).newPage();
const page = await context.newPage();
let passed = 0;
let failed = 0;

try {
  await check("the page is served with its security policy", policyIsSent);
  await check("a day of bars is ready", dayIsReady);
  if (failed === 0) {
    await check("candles and volume are drawn", () => candlesAreDrawn(page));
    await check("the newest bar moves without a reload, one request at a time", newestMoves);
    await check("two exchanges and the spread between them are shown now, and move", liveMoves);
    await check("without a live state there is no panel, and nobody asks for it", panelIsAbsent);
    await check("symbol and range change, and the address follows", choiceChanges);
    await check("a reload of the permalink restores the choice", permalinkRestores);
    await check("the Back button returns to the choice before", backReturns);
    await check("light and dark follow the system", coloursFollow);
    await check("a phone shows the chart without sideways scroll", phoneFits);
    await check("an outage shows, the chart stays, the page recovers", outageIsSurvived);
    await check("offline shows, and the page comes back", offlineIsSurvived);
    await check("incomplete minutes are counted and listed", incompleteIsListed);
    await check("a minute that lacks trades is marked, and unmarked when repaired", markIsShown);
    await check("a minute without trades keeps its place on the time axis", holeIsVisible);
    await check("without symbols the page says so and waits", emptyIsExplained);
    await check("no console error", () => none(offences.errors));
    await check("no violation of the security policy", () => none(offences.violations));
    await check("no request to another origin", () => none(offences.foreign));
    await check("the picture is taken", takePicture);
  }
} finally {
  await browser.close();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

// The checks

async function policyIsSent() {
  const response = await page.goto(address({ range: "1d" }));
  assert.equal(response.status(), 200);
  const policy = response.headers()["content-security-policy"] ?? "";
  for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'"]) {
    assert.ok(policy.includes(part), `the policy has no ${part}: "${policy}"`);
  }
  assert.ok(!policy.includes("unsafe"), `the policy is weak: ${policy}`);
}

async function dayIsReady() {
  const started = Date.now();
  await ready(page);
  const { bars, lastMinute, lastClose } = await data(page);
  assert.ok(Number(bars) >= BARS_OF_A_DAY_MIN, `only ${bars} bars`);
  assert.match(lastMinute, /^\d{4}-\d\d-\d\dT\d\d:\d\d:00(\.0+)?Z$/);
  assert.ok(Number(lastClose) > 0, `last close is "${lastClose}"`);
  return `${bars} bars after ${((Date.now() - started) / 1000).toFixed(1)} s`;
}

/** One row of pixels may be the line of the last price: candles spread over many. */
async function candlesAreDrawn(where) {
  const counts = await paint(where, ["up", "down", "buy", "sell"]);
  for (const [name, { rows, columns }] of Object.entries(counts)) {
    const spread = `${rows} rows and ${columns} columns of pixels have the colour --${name}`;
    assert.ok(rows >= 15 && columns >= 15, spread);
  }
  return `up ${counts.up.pixels}, down ${counts.down.pixels} pixels`;
}

async function newestMoves() {
  let inFlight = 0;
  let inFlightMax = 0;
  // What the panel of this moment asks goes by a clock of its own.
  const counts = (request) => !request.url().endsWith("/v1/live");
  const begins = (request) => {
    if (counts(request)) inFlightMax = Math.max(inFlightMax, (inFlight += 1));
  };
  const ends = (request) => {
    if (counts(request)) inFlight = Math.max(0, inFlight - 1);
  };
  page.on("request", begins).on("requestfinished", ends).on("requestfailed", ends);
  const born = await page.evaluate(() => performance.timeOrigin);
  const started = Date.now();
  const before = newestOf(await data(page));
  await until("the newest bar changes", LIVE_MS, async () => newestOf(await data(page)) !== before);
  page.off("request", begins).off("requestfinished", ends).off("requestfailed", ends);
  assert.equal(await page.evaluate(() => performance.timeOrigin), born, "the page was reloaded");
  assert.ok(inFlightMax <= 1, `${inFlightMax} requests at the same time`);
  return `after ${((Date.now() - started) / 1000).toFixed(1)} s`;
}

/** The figures of a table's rows, by the name in front of each. */
async function figuresOf(table) {
  const rows = await page.locator(`#${table} tr`).evaluateAll((rows) =>
    rows.map((row) => Array.from(row.children, (cell) => cell.textContent)),
  );
  return new Map(rows.map(([name, ...figures]) => [name, figures]));
}

async function liveMoves() {
  const known = (figures) => figures.every((figure) => /^[+-]?[0-9]/.test(figure));
  await until("all figures of this moment are known", LIVE_MS, async () => {
    const [symbols, spreads] = [await figuresOf("live-symbols"), await figuresOf("live-spreads")];
    const exchanges = new Set([...symbols.keys()].map((name) => name.split(" ")[0]));
    const rows = [...symbols.values(), ...spreads.values()];
    return exchanges.size >= 2 && spreads.size >= 1 && rows.every(known);
  });
  for (const [name, [, bid, ask]] of await figuresOf("live-symbols")) {
    assert.ok(Number(bid) < Number(ask), `${name}: bid ${bid}, ask ${ask}`);
  }
  const [name, [, , average]] = [...(await figuresOf("live-spreads"))][0];
  const moved = async () => (await figuresOf("live-spreads")).get(name)[2] !== average;
  await until("the average of 15 seconds moves", LIVE_MS, moved);
  return name;
}

async function panelIsAbsent() {
  const other = await context.newPage();
  let asked = 0;
  other.on("request", (request) => (asked += request.url().endsWith("/v1/live") ? 1 : 0));
  await other.route("**/v1/health", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), live: false } });
  });
  await other.goto(address({ range: "1h" }));
  await ready(other);
  const before = newestOf(await data(other));
  await until("it has polled", LIVE_MS, async () => newestOf(await data(other)) !== before);
  assert.ok(!(await other.locator("#live").isVisible()), "the panel is there");
  assert.equal(asked, 0, "the live state was asked for");
  await other.close();
}

async function choiceChanges() {
  const before = await legendName();
  const control = (await optionsOf("#symbol")).length > 1 ? "#symbol" : "#exchange";
  const current = await page.inputValue(control);
  const other = (await optionsOf(control)).find((value) => value !== current);
  assert.ok(other !== undefined, "the server has only one symbol to choose from");
  await page.selectOption(control, other);
  await ready(page);
  const isOther = async () => (await legendName()) !== before;
  await until("the legend names the other symbol", 5_000, isOther);
  await page.check('#range input[value="1h"]');
  await ready(page);
  const query = new URL(page.url()).searchParams;
  assert.equal(query.get("exchange"), await page.inputValue("#exchange"));
  assert.equal(query.get("symbol"), await page.inputValue("#symbol"));
  assert.equal(query.get("range"), "1h");
  assert.equal(await legendName(), `${query.get("exchange")} ${query.get("symbol")}`);
  const { bars } = await data(page);
  assert.ok(Number(bars) >= 1 && Number(bars) <= 75, `an hour has ${bars} bars`);
  return new URL(page.url()).search;
}

async function permalinkRestores() {
  const [name, url] = [await legendName(), page.url()];
  await page.reload();
  await ready(page);
  assert.equal(await legendName(), name);
  assert.equal(page.url(), url);
  assert.ok(await page.isChecked('#range input[value="1h"]'), "the range is not 1 h any more");
}

async function backReturns() {
  await page.goBack();
  await ready(page);
  await until("the range is 1 d again", 5_000, () => page.isChecked('#range input[value="1d"]'));
  assert.equal(new URL(page.url()).searchParams.get("range"), "1d");
}

async function coloursFollow() {
  const light = await backgrounds();
  await page.emulateMedia({ colorScheme: "dark" });
  await page.waitForTimeout(500);
  const dark = await backgrounds();
  await candlesAreDrawn(page);
  await page.emulateMedia({ colorScheme: "light" });
  await page.waitForTimeout(500);
  const again = await backgrounds();
  assert.notEqual(dark.body, light.body, "the page's background is the same in dark");
  const levels = `the chart's brightness: light ${light.chart}, dark ${dark.chart}`;
  assert.ok(dark.chart < 100 && light.chart > 200, levels);
  assert.deepEqual(again, light, "light does not come back");
}

async function phoneFits() {
  const options = { viewport: PHONE, isMobile: true, hasTouch: true };
  const phone = await watchedContext(browser, options, origin, offences);
  const view = await phone.newPage();
  await view.goto(address({ range: "6h" }));
  await ready(view);
  await view.waitForTimeout(500);
  const width = await view.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= PHONE.width, `the page is ${width} pixels wide`);
  const box = await view.locator("#chart").boundingBox();
  assert.ok(box.width >= 320 && box.height >= 200, `chart of ${box.width} x ${box.height}`);
  await candlesAreDrawn(view);
  await phone.close();
  return `chart of ${box.width} x ${Math.round(box.height)}`;
}

async function outageIsSurvived() {
  const { bars } = await data(page);
  offences.failuresExpected = true;
  await page.route("**/v1/bars?*", (route) =>
    route.fulfill({
      status: 503,
      contentType: "application/problem+json",
      body: JSON.stringify({ title: "Unavailable", status: 503, detail: OUTAGE }),
    }),
  );
  await connection("reconnecting");
  assert.match(await page.innerText("#trouble"), new RegExp(OUTAGE));
  assert.match(await page.innerText("#connection"), /reconnecting/i);
  const during = await data(page);
  assert.equal(during.state, "ready");
  assert.equal(during.bars, bars, "bars were lost from the screen");
  await candlesAreDrawn(page);
  await page.unroute("**/v1/bars?*");
  await connection("live");
  assert.equal(await page.innerText("#trouble"), "");
  offences.failuresExpected = false;
}

async function offlineIsSurvived() {
  offences.failuresExpected = true;
  await context.setOffline(true);
  await connection("offline");
  await candlesAreDrawn(page);
  await context.setOffline(false);
  await connection("live");
  offences.failuresExpected = false;
}

async function incompleteIsListed() {
  await page.goto(address({ range: "1d" }));
  await ready(page);
  const count = Number((await data(page)).incomplete);
  const listed = await page.locator("#holes-list button").count();
  assert.match(await page.innerText("#holes-count"), new RegExp(`^${count} incomplete minute`));
  assert.equal(listed, Math.min(count, 500), "the list and the count differ");
  return `${count} incomplete`;
}

async function markIsShown() {
  await page.goto(address({ range: "1h" }));
  await ready(page);
  let minute;
  await page.route("**/v1/bars?*", (route) =>
    rewrite(route, (bars) =>
      bars.map((bar) => {
        minute ??= Date.parse(bars[Math.max(0, bars.length - 4)].minute);
        if (Date.parse(bar.minute) !== minute) return bar;
        const edges = { missing_before: 0, missing_after: 0 };
        const refused = { quarantined_count: 0, conflict_count: 0 };
        // So high that all other candles are flat: the repair must bring them back.
        const high = String(Number(bar.high) * 1.05);
        return { ...bar, ...edges, ...refused, high, completeness: "gap", missing_count: 3 };
      }),
    ),
  );
  await page.reload();
  await ready(page);
  assert.ok(Number((await data(page)).incomplete) >= 1, "data-incomplete is 0");
  await page.click("#holes-count");
  const entry = page.locator("#holes-list li", { hasText: `${stamp(minute)} UTC` });
  assert.match(await entry.innerText(), /\b3 missing\b/);
  await entry.locator("button").click();
  assert.equal(await page.innerText("#legend-minute"), `${stamp(minute)} UTC`);
  assert.equal(await page.innerText("#legend-verdict"), "incomplete: 3 missing");
  await page.waitForTimeout(500);
  const mark = (await paint(page, ["warning"])).warning;
  assert.ok(mark.rows >= 4 && mark.columns >= 4, "no mark of the warning colour in the chart");
  const flat = await candlePixels();
  await page.unroute("**/v1/bars?*");
  await until("the list shows the repair", LIVE_MS, async () => (await entry.count()) === 0);
  const isHigh = async () => (await candlePixels()) > 2 * flat;
  await until("the chart shows the repair", LIVE_MS, isHigh);
}

async function holeIsVisible() {
  await page.goto(address({ range: "1h" }));
  await ready(page);
  const newest = (await data(page)).lastMinute;
  const [from, to] = [minutesBefore(newest, 16), minutesBefore(newest, 8)];
  await page.route("**/v1/bars?*", (route) =>
    rewrite(route, (bars) =>
      bars.filter((bar) => Date.parse(bar.minute) < from || Date.parse(bar.minute) > to),
    ),
  );
  await page.reload();
  await ready(page);
  const wanted = `${stamp(minutesBefore(newest, 12))} UTC`;
  const box = await page.locator("#chart").boundingBox();
  let found = false;
  for (let x = box.width * 0.5; x < box.width * 0.92 && !found; x += 6) {
    await page.mouse.move(box.x + x, box.y + box.height * 0.3);
    found = (await page.innerText("#legend-minute")) === wanted;
  }
  assert.ok(found, `the pointer finds no ${wanted} on the time axis`);
  assert.equal(await page.innerText("#legend-open"), "–");
  const words = await page.innerText("#legend-verdict");
  assert.match(words, /no trades|no row/);
  await page.mouse.move(0, 0);
  await page.unroute("**/v1/bars?*");
  return `"${words}"`;
}

async function emptyIsExplained() {
  await page.route("**/v1/symbols", (route) => route.fulfill({ json: { symbols: [] } }));
  await page.goto(address({}));
  await page.waitForSelector('main[data-state="empty"]', { timeout: READY_MS });
  assert.match(await page.innerText("#veil"), /No bars yet/);
  await page.unroute("**/v1/symbols");
  await ready(page);
}

async function takePicture() {
  await page.goto(address({ range: "6h" }));
  await ready(page);
  await connection("live");
  await page.waitForTimeout(1_000);
  await page.screenshot({ path: picture });
  return picture;
}

// Helpers

async function check(name, run) {
  try {
    const note = await run();
    passed += 1;
    console.log(`ok    ${name}${typeof note === "string" ? `: ${note}` : ""}`);
  } catch (error) {
    failed += 1;
    offences.failuresExpected = false;
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await context.setOffline(false);
    console.log(`FAIL  ${name}: ${error.message.trim()}`);
  }
}

function address(query) {
  return new URL(`?${new URLSearchParams(query)}`, new URL("/", base)).href;
}

function data(where) {
  return where.evaluate(() => ({ ...document.querySelector("main").dataset }));
}

async function ready(where) {
  try {
    await where.waitForSelector('main[data-state="ready"]', { timeout: READY_MS });
  } catch {
    const { state } = await data(where);
    const words = await where.innerText(".notices");
    throw new Error(`not ready within ${READY_MS / 1000} s but ${state}: "${words.trim()}"`);
  }
}

async function connection(wanted) {
  const selector = `main[data-connection="${wanted}"]`;
  await page.waitForSelector(selector, { timeout: RECOVERY_MS }).catch(async () => {
    const { connection: is } = await data(page);
    throw new Error(`not ${wanted} within ${RECOVERY_MS / 1000} s but ${is}`);
  });
}

async function candlePixels() {
  const { up, down } = await paint(page, ["up", "down"]);
  return up.pixels + down.pixels;
}

function newestOf({ lastMinute, lastClose, lastUpdated }) {
  return [lastMinute, lastClose, lastUpdated].join(" ");
}

function none(found) {
  assert.equal([...found].join("\n"), "");
}

function legendName() {
  return page.innerText("#legend-name");
}

function optionsOf(selector) {
  return page.$$eval(`${selector} option`, (options) => options.map((option) => option.value));
}

async function backgrounds() {
  const body = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const chart = await cornerBrightness(painter, await page.locator("#chart").screenshot());
  return { body, chart };
}

/** Where in the chart the style sheet's colours of these names appear. */
async function paint(where, names) {
  const colours = await where.evaluate((wanted) => {
    const style = getComputedStyle(document.documentElement);
    return wanted.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]);
  }, names);
  return findColours(painter, await where.locator("#chart").screenshot(), colours);
}
