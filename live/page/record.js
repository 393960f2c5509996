/** @import { Answer, SegmentMessage } from "./types.js" */

/**
 * @typedef {SegmentMessage} Segment A stretch of one exercise, in the record's time.
 *
 * @typedef {object} Total Of one person's exercise.
 * @property {number} person
 * @property {string} exercise
 * @property {number} sets
 * @property {number | null} repetitions null for a hold
 * @property {number} seconds
 *
 * @typedef {{offsetMs: number, segments: Segment[], isSummed: boolean}} Part One session of the recogniser.
 */

// As beam_jobs/segments.py: the same exercise after a pause of at most so long is one set, and shorter ones are none.
const MAX_PAUSE_MS = 5000;
// The recogniser knows when the exercise began again, before it said so: then it has gone on counting.
const MAX_SILENCE_MS = 15_000;
const MIN_LENGTH_MS = 1000;
const STORED_AS = "session";

/**
 * What was done since the page was opened. It consists of parts, each of which is a session of the recogniser: a lost connection
 * or a pause begins a new one. Survives a reload of the page.
 */
export class SessionRecord {
  /** @type {Part[]} */
  #parts = [];
  startedAt = new Date().toISOString();
  lengthMs = 0;
  #storedAtMs = 0;

  /** A part begins. @param {number} offsetMs the record's time at its first frame @returns {Part} */
  beginPart(offsetMs) {
    const part = { offsetMs, segments: [], isSummed: false };
    this.#parts.push(part);
    return part;
  }

  /** @param {Answer} answer of the part that began last */
  add({ timestamp_ms: timestampMs, people }) {
    const part = this.#parts.at(-1);
    if (!part || part.isSummed) return;
    this.lengthMs = Math.max(this.lengthMs, part.offsetMs + timestampMs);
    for (const { person, status, exercise, probability, repetitions, held_s } of people) {
      if (status !== "exercise" || exercise === null || person === null) continue;
      const last = part.segments.findLast((segment) => segment.person === person);
      const pauseMs = last ? timestampMs - last.end_ms : 0;
      const goesOn = (repetitions ?? held_s ?? 0) >= (last?.repetitions ?? last?.held_s ?? Infinity);
      if (last?.exercise === exercise && pauseMs <= (goesOn ? MAX_SILENCE_MS : MAX_PAUSE_MS)) {
        last.end_ms = timestampMs;
        last.probability = probability ?? last.probability;
        last.repetitions = repetitions;
        last.held_s = held_s;
      } else {
        part.segments.push({
          person,
          exercise,
          start_ms: timestampMs,
          end_ms: timestampMs,
          probability: probability ?? 0,
          repetitions,
          held_s,
        });
      }
    }
  }

  /**
   * The recogniser's own segments of a part: they know its whole.
   * @param {Part} part
   * @param {SegmentMessage[]} segments
   */
  sum(part, segments) {
    part.segments = segments;
    part.isSummed = true;
  }

  /** All segments, in the record's time, oldest first. @param {number} minLengthMs shorter ones are left out */
  segments(minLengthMs = MIN_LENGTH_MS) {
    return this.#parts
      .flatMap(({ offsetMs, segments }) =>
        segments
          .filter((segment) => segment.end_ms - segment.start_ms >= minLengthMs)
          .map((segment) => ({
            ...segment,
            start_ms: offsetMs + segment.start_ms,
            end_ms: offsetMs + segment.end_ms,
          })),
      )
      .sort((a, b) => a.start_ms - b.start_ms);
  }

  /** Each person's sum of each exercise, the first one done first. @returns {Total[]} */
  totals() {
    /** @type {Map<string, Total>} */
    const totals = new Map();
    for (const { person, exercise, start_ms, end_ms, repetitions, held_s } of this.segments()) {
      const key = `${person} ${exercise}`;
      const total = totals.get(key) ?? { person, exercise, sets: 0, repetitions: null, seconds: 0 };
      total.sets += 1;
      if (repetitions !== null) total.repetitions = (total.repetitions ?? 0) + repetitions;
      total.seconds += held_s ?? (end_ms - start_ms) / 1000;
      totals.set(key, total);
    }
    return [...totals.values()];
  }

  /** Persons have the numbers that the page shows, from 1 on. */
  toJson() {
    const totals = this.totals().map((total) => ({ ...total, person: total.person + 1 }));
    const rounded = this.segments().map((segment) => ({
      ...segment,
      person: segment.person + 1,
      start_ms: Math.round(segment.start_ms),
      end_ms: Math.round(segment.end_ms),
    }));
    const content = { started_at: this.startedAt, length_s: this.lengthMs / 1000, totals, segments: rounded };
    return `${JSON.stringify(content, null, 2)}\n`;
  }

  toCsv() {
    const lines = this.segments().map((segment) =>
      [
        segment.person + 1,
        quoted(segment.exercise),
        (segment.start_ms / 1000).toFixed(1),
        (segment.end_ms / 1000).toFixed(1),
        segment.repetitions ?? "",
        segment.held_s?.toFixed(1) ?? "",
        segment.probability.toFixed(3),
      ].join(","),
    );
    return ["person,exercise,start_s,end_s,repetitions,held_s,probability", ...lines, ""].join("\n");
  }

  /** @param {number} everyMs not more often than that */
  store(everyMs = 0) {
    if (performance.now() - this.#storedAtMs < everyMs) return;
    this.#storedAtMs = performance.now();
    try {
      sessionStorage.setItem(
        STORED_AS,
        JSON.stringify({ parts: this.#parts, startedAt: this.startedAt, lengthMs: this.lengthMs }),
      );
    } catch {
      // Without storage a reload begins anew.
    }
  }

  /** The record from before a reload; null where there is none. */
  static restore() {
    try {
      const stored = JSON.parse(sessionStorage.getItem(STORED_AS) ?? "null");
      if (!Array.isArray(stored?.parts)) return null;
      const record = new SessionRecord();
      record.#parts = stored.parts;
      record.startedAt = stored.startedAt;
      record.lengthMs = stored.lengthMs;
      return record;
    } catch {
      return null;
    }
  }

  static forget() {
    try {
      sessionStorage.removeItem(STORED_AS);
    } catch {
      // Nothing was kept.
    }
  }
}

/** A field of CSV; what a spreadsheet would take for a formula is text. @param {string} text */
function quoted(text) {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
