// Shows the connection, the age of the newest trade and the notices; requests nothing.
import { RequestFailed } from "./api";
import { element, setText } from "./dom";
import { ageWords } from "./time";

export type PageState = "loading" | "ready" | "empty" | "error";
type Connection = "connecting" | "live" | "reconnecting" | "offline";

/** Two minutes without a trade are rare on a liquid symbol: look at the ingest. */
const AGE_WARNING_SECONDS = 120;

const CONNECTION_WORDS: Record<Connection, string> = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  offline: "Offline",
};

export function showState(state: PageState): void {
  element("page").dataset["state"] = state;
  element("chart-box").setAttribute("aria-busy", String(state === "loading"));
}

export function showConnected(): void {
  showConnection("live");
  setText(element("trouble"), "");
}

/** What is on screen stays there; the notice says that it gets old. */
export function showTrouble(error: unknown): void {
  showConnection(navigator.onLine ? "reconnecting" : "offline");
  const words = error instanceof RequestFailed ? error.message : "The page has met an error.";
  setText(element("trouble"), `${words} Trying again.`);
}

export function showNotice(words: string): void {
  setText(element("notice"), words);
}

/** `null` while there is no trade to have an age. */
export function showAge(seconds: number | null): void {
  const age = element("age");
  const old = seconds !== null && seconds > AGE_WARNING_SECONDS;
  age.dataset["old"] = String(old);
  setText(age, seconds === null ? "" : `Newest trade ${ageWords(seconds)} ago`);
}

/** One polite sentence for a screen reader. */
export function announce(words: string): void {
  setText(element("spoken"), words);
}

function showConnection(connection: Connection): void {
  element("page").dataset["connection"] = connection;
  setText(element("connection"), CONNECTION_WORDS[connection]);
}
