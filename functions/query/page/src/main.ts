// Wires address, requests, timeline and chart together; each of them lives in its own file.
import { fetchBars, fetchHealth, fetchInstruments, type Bar, type Instrument } from "./api";
import { drawChart } from "./chart";
import { onColoursChange } from "./colours";
import { listenToChoice, resolve, showChoice, showRange, type Resolved } from "./choice";
import { element } from "./dom";
import { onHoleChosen, showHoles } from "./holes";
import { moveByKey } from "./keys";
import { legendWords, showLegend } from "./legend";
import { showLive } from "./live";
import { startLoop } from "./loop";
import { RANGES, readAddress, writeAddress } from "./permalink";
import { announce, showAge, showConnected, showNotice, showState, showTrouble } from "./status";
import { MINUTE_SECONDS, clock, millisOf, minuteOf, type Minute } from "./time";
import { Timeline } from "./timeline";
import { verdictOfBar } from "./verdict";

/** Trades come late and holes are repaired within minutes: each poll re-reads this much. */
const REREAD_SECONDS = 10 * MINUTE_SECONDS;
/** Older repairs are found by walking over the whole range, one slice every so many polls. */
const SWEEP_SECONDS = 500 * MINUTE_SECONDS;
const SWEEP_EVERY_POLLS = 10;
/** Symbols appear rarely, clocks drift slowly. */
const INSTRUMENTS_EVERY_POLLS = 30;
/** The open minute, and one more for a clock that is behind. */
const AHEAD_SECONDS = 2 * MINUTE_SECONDS;
/** How far the chart may grow beyond its range before the oldest minutes leave it. */
const GROWTH = 1.25;

/** What is on screen. */
interface Shown {
  readonly choice: Resolved;
  readonly timeline: Timeline;
  announced: Minute;
  swept: Minute;
}

let wanted = readAddress();
let shown: Shown | null = null;
/** The minute under the pointer, or where a key or the list has put the crosshair. */
let pointed: Minute | null = null;
let polls = 0;
let isLive = false;
/** Server's clock minus ours. */
let skewMs = 0;

const chart = drawChart(element("chart"), (minute) => {
  pointed = minute;
  legend();
});
const loop = startLoop(step, {
  succeeded: showConnected,
  failed: (error) => {
    showTrouble(error);
    if (shown === null) showState("error");
  },
});

async function step(signal: AbortSignal): Promise<void> {
  if (shown === null || polls % INSTRUMENTS_EVERY_POLLS === 0) {
    const instruments = await fetchInstruments(signal);
    const health = await fetchHealth(signal);
    if (signal.aborted) return;
    if (health !== null) skewMs = health.nowMs - Date.now();
    if (health?.live === true && !isLive) {
      isLive = true;
      showLive();
    }
    const choice = resolve(wanted, instruments);
    showChoice(wanted, choice, instruments);
    if (choice === null) showState("empty");
    else if (shown === null) await load(choice, instruments, signal);
  }
  if (shown !== null) await refresh(shown, signal);
  polls += 1;
}

async function load(choice: Resolved, all: Instrument[], signal: AbortSignal): Promise<void> {
  const { exchange, symbol, range } = choice;
  const listed = all.find((one) => one.exchange === exchange && one.symbol === symbol);
  const last = minuteOf(listed?.last_minute ?? new Date(serverNowMs()).toISOString());
  const from = last - (RANGES[range].minutes - 1) * MINUTE_SECONDS;
  const bars = await fetchBars({ exchange, symbol, from, to: end(last) }, signal);
  if (signal.aborted) return;
  const timeline = new Timeline();
  timeline.merge(bars);
  if (timeline.size === 0) {
    showState("empty");
    return;
  }
  pointed = null;
  wanted = choice;
  shown = { choice, timeline, announced: timeline.last, swept: timeline.first };
  writeAddress(choice, "replace");
  chart.replace(timeline, "whole");
  showAll(shown);
  showState("ready");
  const newest = newestOf(timeline);
  const words = verdictOfBar(newest).words;
  announce(`${choice.name}, ${RANGES[range].words}. Newest close ${newest.close}, ${words}.`);
}

async function refresh(view: Shown, signal: AbortSignal): Promise<void> {
  const { choice, timeline } = view;
  const { exchange, symbol, range } = choice;
  const from = timeline.last - REREAD_SECONDS;
  const bars = await fetchBars({ exchange, symbol, from, to: end(timeline.last) }, signal);
  if (polls % SWEEP_EVERY_POLLS === SWEEP_EVERY_POLLS - 1) {
    const to = Math.min(view.swept + SWEEP_SECONDS, from);
    if (to > view.swept) {
      bars.push(...(await fetchBars({ exchange, symbol, from: view.swept, to }, signal)));
    }
    view.swept = to >= from ? timeline.first : to;
  }
  if (signal.aborted) return;
  const changed = timeline.merge(bars);
  if (changed.length === 0) return;
  const rangeSeconds = RANGES[range].minutes * MINUTE_SECONDS;
  if (timeline.last - timeline.first > rangeSeconds * GROWTH) {
    timeline.dropBefore(timeline.last - rangeSeconds);
    view.swept = timeline.first;
    chart.replace(timeline, "kept");
  } else {
    chart.update(timeline, changed);
  }
  showAll(view);
  if (timeline.last > view.announced) announceMinute(view);
}

function showAll({ timeline }: Shown): void {
  const newest = newestOf(timeline);
  const incomplete = timeline.incomplete();
  const page = element("page").dataset;
  page["bars"] = String(timeline.size);
  page["lastMinute"] = newest.minute;
  page["lastClose"] = newest.close;
  page["lastUpdated"] = newest.updated_at;
  page["incomplete"] = String(incomplete.length);
  document.title = `${newest.close} ${newest.symbol} | tickfold`;
  showHoles(incomplete);
  legend();
  age();
}

function legend(): void {
  if (shown === null) return;
  const { choice, timeline } = shown;
  // Right of the newest candle there is room but no minute.
  const within = pointed !== null && pointed >= timeline.first && pointed <= timeline.last;
  showLegend(choice.name, within && pointed !== null ? pointed : timeline.last, timeline);
}

function age(): void {
  if (shown === null) return;
  showAge((serverNowMs() - millisOf(newestOf(shown.timeline).last_time)) / 1000);
}

/** The minute that has just ended is the news; the one that has begun is not proved yet. */
function announceMinute(view: Shown): void {
  const ended = view.timeline.at(view.announced);
  view.announced = view.timeline.last;
  if (ended === null) return;
  const when = clock(minuteOf(ended.minute));
  announce(`${when} UTC: close ${ended.close}, ${verdictOfBar(ended).words}.`);
}

function newestOf(timeline: Timeline): Bar {
  const newest = timeline.newest();
  if (newest === null) throw new Error("a timeline on screen has at least one bar");
  return newest;
}

function serverNowMs(): number {
  return Date.now() + skewMs;
}

function end(last: Minute): number {
  return Math.max(Math.floor(serverNowMs() / 1000), last) + AHEAD_SECONDS;
}

function startOver(): void {
  shown = null;
  showState("loading");
  showNotice("");
  loop.restart();
}

showRange(wanted.range);
listenToChoice((choice) => {
  wanted = choice;
  writeAddress(choice, "push");
  startOver();
});
window.addEventListener("popstate", () => {
  wanted = readAddress();
  startOver();
});
onColoursChange(() => chart.recolour());
onHoleChosen((minute) => {
  if (shown === null) return;
  pointed = minute;
  chart.goTo(shown.timeline, minute);
  legend();
});
element("chart-box").addEventListener("keydown", (event) => {
  if (shown === null) return;
  const move = moveByKey(event, pointed, shown.timeline);
  if (move === undefined) return;
  event.preventDefault();
  pointed = move;
  chart.point(shown.timeline, move);
  legend();
  if (move !== null) announce(legendWords(move, shown.timeline));
});
setInterval(age, 1000);
