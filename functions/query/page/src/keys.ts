// Which minute a key leads to; moves nothing itself.
import { MINUTE_SECONDS, type Minute } from "./time";
import type { Timeline } from "./timeline";

/** With the shift key, arrows go ten minutes at a time. */
const STRIDE = 10;

/** `undefined`: not our key. `null`: leave the crosshair. */
export function moveByKey(
  event: KeyboardEvent,
  from: Minute | null,
  timeline: Timeline,
): Minute | null | undefined {
  if (event.ctrlKey || event.altKey || event.metaKey) return undefined;
  const at = from ?? timeline.last;
  const stride = (event.shiftKey ? STRIDE : 1) * MINUTE_SECONDS;
  switch (event.key) {
    case "ArrowLeft":
      return Math.max(timeline.first, from === null ? at : at - stride);
    case "ArrowRight":
      return Math.min(timeline.last, at + stride);
    case "Home":
      return timeline.first;
    case "End":
      return timeline.last;
    case "Escape":
      return null;
    default:
      return undefined;
  }
}
