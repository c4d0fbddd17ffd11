// Draws a timeline as candles over buy and sell volume; the only file that knows the chart library.
import {
  CandlestickSeries,
  ColorType,
  CrosshairMode,
  HistogramSeries,
  LineStyle,
  PriceLineSource,
  createChart,
  createSeriesMarkers,
  createTextWatermark,
  type CandlestickData,
  type HistogramData,
  type IChartApi,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type ITextWatermarkPluginApi,
  type SeriesMarker,
  type Time,
  type UTCTimestamp,
  type WhitespaceData,
} from "lightweight-charts";
import type { Bar } from "./api";
import { readColours, type Colours } from "./colours";
import { MINUTE_SECONDS, dateAndClock, minuteOf, type Minute } from "./time";
import type { Row, Timeline } from "./timeline";
import { markerWords } from "./verdict";

/** A letter beside a mark is about this wide: words that would lie upon others are left out. */
const MARKER_LETTER_PIXELS = 6;
/** Prices with more digits exist; the axis has no room for them. */
const PRICE_DIGITS_MAX = 10;
/** Lets a week of minutes fit on a phone. */
const BAR_SPACING_MIN = 0.02;
/** Minutes beside a minute that the list has led to. */
const MINUTES_AROUND = 30;
/** Free room right of the newest candle, as a part of the range. */
const ROOM_RIGHT = 0.04;

export interface Chart {
  /** Draws all anew. `whole` shows the full range, `kept` what was in sight. */
  replace(timeline: Timeline, view: "whole" | "kept"): void;
  /** Draws only what has changed. */
  update(timeline: Timeline, changed: readonly Minute[]): void;
  /** Puts the crosshair on a minute and scrolls there if it is out of sight; null takes it off. */
  point(timeline: Timeline, minute: Minute | null): void;
  /** Shows a minute in the middle, large enough to see it. */
  goTo(timeline: Timeline, minute: Minute): void;
  recolour(): void;
}

interface Parts {
  readonly chart: IChartApi;
  readonly candles: ISeriesApi<"Candlestick">;
  readonly buys: ISeriesApi<"Histogram">;
  readonly sells: ISeriesApi<"Histogram">;
  readonly markers: ISeriesMarkersPluginApi<Time>;
  readonly caption: ITextWatermarkPluginApi<Time>;
}

export function drawChart(element: HTMLElement, hovered: (minute: Minute | null) => void): Chart {
  const parts = build(element);
  element.addEventListener("mouseleave", () => hovered(null));
  parts.chart.subscribeCrosshairMove((move) => {
    // Without an event it is the chart that moved under the crosshair, not the reader.
    if (move.sourceEvent === undefined) return;
    hovered(move.time === undefined ? null : (move.time as number));
  });
  recolour(parts, readColours());
  /** The span the series hold, and the minutes in it that are not holes. */
  let drawnFirst: Minute = Infinity;
  let drawnLast: Minute = -Infinity;
  let drawn = new Set<Minute>();

  let incomplete: readonly Bar[] = [];
  let warning = readColours().warning;

  const setMarkers = (): void => {
    const view = parts.chart.timeScale().getVisibleLogicalRange();
    const minutes = view === null ? 1 : Math.max(1, view.to - view.from);
    const pixels = parts.chart.timeScale().width() / minutes;
    const letter = (MARKER_LETTER_PIXELS / Math.max(pixels, BAR_SPACING_MIN)) * MINUTE_SECONDS;
    parts.markers.setMarkers(markersOf(incomplete, letter, warning));
  };
  const mark = (timeline: Timeline): void => {
    incomplete = timeline.incomplete();
    setMarkers();
  };
  parts.chart.timeScale().subscribeVisibleLogicalRangeChange(() => {
    if (incomplete.length > 0) setMarkers();
  });

  const chart: Chart = {
    replace(timeline, view) {
      const scale = parts.chart.timeScale();
      const kept = view === "kept" ? scale.getVisibleLogicalRange() : null;
      const inSight = kept !== null && kept.to >= (drawnLast - drawnFirst) / MINUTE_SECONDS;
      const grown = inSight ? timeline.last - drawnLast : 0;
      const shift = (drawnFirst - timeline.first + grown) / MINUTE_SECONDS;
      const rows = timeline.rows();
      applyPriceDigits(parts.candles, rows);
      parts.candles.setData(rows.map(candleOf));
      parts.buys.setData(rows.map(buyOf));
      parts.sells.setData(rows.map(sellOf));
      drawn = new Set(rows.filter((row) => row.bar !== null).map((row) => row.minute));
      drawnFirst = timeline.first;
      drawnLast = timeline.last;
      mark(timeline);
      if (kept !== null && Number.isFinite(shift)) {
        scale.setVisibleLogicalRange({ from: kept.from + shift, to: kept.to + shift });
      } else if (rows.length > 0) {
        parts.chart.priceScale("right", 0).applyOptions({ autoScale: true });
        const room = rows.length * ROOM_RIGHT;
        scale.setVisibleLogicalRange({ from: -0.5, to: rows.length - 0.5 + room });
      }
    },

    update(timeline, changed) {
      // The library's historical update overwrites the next bar when its own minute was a hole
      // so far (5.2.1), therefore a hole that fills is the one case that is drawn anew.
      if (changed.some((minute) => minute < drawnLast && !drawn.has(minute))) {
        chart.replace(timeline, "kept");
        return;
      }
      for (const minute of changed) {
        for (let hole = drawnLast + MINUTE_SECONDS; hole < minute; hole += MINUTE_SECONDS) {
          put(parts, { minute: hole, bar: null }, false);
        }
        put(parts, { minute, bar: timeline.at(minute) }, minute < drawnLast);
        drawn.add(minute);
        drawnLast = Math.max(drawnLast, minute);
      }
      if (changed.length > 0) mark(timeline);
    },

    point(timeline, minute) {
      if (minute === null) {
        parts.chart.clearCrosshairPosition();
        return;
      }
      const scale = parts.chart.timeScale();
      const view = scale.getVisibleLogicalRange();
      const index = (minute - timeline.first) / MINUTE_SECONDS;
      if (view !== null && (index < view.from || index > view.to)) {
        const shift = index < view.from ? index - view.from - 1 : index - view.to + 1;
        scale.setVisibleLogicalRange({ from: view.from + shift, to: view.to + shift });
      }
      const price = Number((timeline.at(minute) ?? timeline.after(minute))?.close ?? 0);
      // The library moves its time scale in the next frame, and the crosshair must follow it.
      requestAnimationFrame(() => {
        parts.chart.setCrosshairPosition(price, minute as UTCTimestamp, parts.candles);
      });
    },

    goTo(timeline, minute) {
      const index = (minute - timeline.first) / MINUTE_SECONDS;
      parts.chart.timeScale().setVisibleLogicalRange({
        from: index - MINUTES_AROUND,
        to: index + MINUTES_AROUND,
      });
      chart.point(timeline, minute);
    },

    recolour() {
      const colours = readColours();
      warning = colours.warning;
      recolour(parts, colours);
      setMarkers();
    },
  };
  return chart;
}

function build(element: HTMLElement): Parts {
  const chart = createChart(element, {
    autoSize: true,
    layout: {
      // The library's logo brings a style element, which the page's policy refuses: the
      // attribution its licence asks for is a link in the footer.
      attributionLogo: false,
      fontFamily: getComputedStyle(document.body).fontFamily,
    },
    crosshair: { mode: CrosshairMode.Normal },
    // A finger that moves up or down scrolls the page.
    handleScroll: { vertTouchDrag: false },
    localization: {
      locale: "en-GB",
      timeFormatter: (time: Time) => `${dateAndClock(time as number)} UTC`,
    },
    timeScale: { timeVisible: true, secondsVisible: false, minBarSpacing: BAR_SPACING_MIN },
    rightPriceScale: { scaleMargins: { top: 0.1, bottom: 0.06 }, entireTextOnly: true },
  });
  // The line and its label both follow what is in sight: the label cannot do otherwise.
  const priceLine = {
    priceLineStyle: LineStyle.Dotted,
    priceLineSource: PriceLineSource.LastVisible,
  };
  const candles = chart.addSeries(CandlestickSeries, priceLine, 0);
  const volume = {
    base: 0,
    lastValueVisible: false,
    priceLineVisible: false,
    priceFormat: { type: "custom", formatter: volumeWords, minMove: 1e-8 },
  } as const;
  const buys = chart.addSeries(HistogramSeries, volume, 1);
  const sells = chart.addSeries(HistogramSeries, volume, 1);
  const [above, below] = chart.panes();
  if (above === undefined || below === undefined) throw new Error("two panes were just made");
  above.setStretchFactor(3);
  below.setStretchFactor(1);
  const margins = { top: 0.2, bottom: 0.06 };
  chart.priceScale("right", 1).applyOptions({ scaleMargins: margins, entireTextOnly: true });
  const caption = createTextWatermark(below, { horzAlign: "left", vertAlign: "top" });
  const markers = createSeriesMarkers(candles, [], { autoScale: true });
  return { chart, candles, buys, sells, markers, caption };
}

function recolour(parts: Parts, colours: Colours): void {
  const { chart, candles, buys, sells, caption } = parts;
  chart.applyOptions({
    layout: {
      background: { type: ColorType.Solid, color: colours.background },
      textColor: colours.text,
      panes: { separatorColor: colours.border, separatorHoverColor: colours.grid },
    },
    grid: { vertLines: { color: colours.grid }, horzLines: { color: colours.grid } },
    crosshair: {
      vertLine: { color: colours.crosshair, labelBackgroundColor: colours.crosshair },
      horzLine: { color: colours.crosshair, labelBackgroundColor: colours.crosshair },
    },
    timeScale: { borderColor: colours.border },
    rightPriceScale: { borderColor: colours.border },
  });
  chart.priceScale("right", 1).applyOptions({ borderColor: colours.border });
  candles.applyOptions({
    upColor: colours.up,
    downColor: colours.down,
    wickUpColor: colours.up,
    wickDownColor: colours.down,
    borderUpColor: colours.up,
    borderDownColor: colours.down,
  });
  buys.applyOptions({ color: colours.buy });
  sells.applyOptions({ color: colours.sell });
  caption.applyOptions({
    lines: [{ text: "Volume: bought ▲  sold ▼", color: colours.text, fontSize: 11 }],
  });
}

function put(parts: Parts, row: Row, historical: boolean): void {
  parts.candles.update(candleOf(row), historical);
  parts.buys.update(buyOf(row), historical);
  parts.sells.update(sellOf(row), historical);
}

function candleOf({ minute, bar }: Row): CandlestickData | WhitespaceData {
  const time = minute as UTCTimestamp;
  if (bar === null) return { time };
  return {
    time,
    open: Number(bar.open),
    high: Number(bar.high),
    low: Number(bar.low),
    close: Number(bar.close),
  };
}

function buyOf({ minute, bar }: Row): HistogramData | WhitespaceData {
  const time = minute as UTCTimestamp;
  return bar === null ? { time } : { time, value: Number(bar.buy_base_volume) };
}

function sellOf({ minute, bar }: Row): HistogramData | WhitespaceData {
  const time = minute as UTCTimestamp;
  return bar === null ? { time } : { time, value: -Number(bar.sell_base_volume) };
}

/** `incomplete` is oldest first; a `letter` is so many seconds wide at the present zoom. */
function markersOf(
  incomplete: readonly Bar[],
  letter: number,
  color: string,
): SeriesMarker<Time>[] {
  let occupied: Minute = -Infinity;
  return incomplete.map((bar) => {
    const minute = minuteOf(bar.minute);
    const words = markerWords(bar);
    const half = (words.length / 2) * letter;
    const text = minute - half < occupied ? "" : words;
    if (text !== "") occupied = minute + half;
    const time = minute as UTCTimestamp;
    return { time, position: "aboveBar", shape: "circle", size: 0.6, color, text };
  });
}

/** As many digits on the price axis as the prices have. */
function applyPriceDigits(candles: ISeriesApi<"Candlestick">, rows: readonly Row[]): void {
  let digits = 0;
  for (const { bar } of rows) {
    if (bar === null) continue;
    for (const price of [bar.open, bar.high, bar.low, bar.close]) {
      const fraction = /\.(\d*?)0*$/.exec(price)?.[1] ?? "";
      digits = Math.max(digits, fraction.length);
    }
  }
  const precision = Math.min(digits, PRICE_DIGITS_MAX);
  candles.applyOptions({ priceFormat: { type: "price", precision, minMove: 10 ** -precision } });
}

/** Sold volume is drawn downward but is not negative. */
function volumeWords(value: number): string {
  return compact.format(Math.abs(value));
}

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
