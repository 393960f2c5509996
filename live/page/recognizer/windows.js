/** Ports of beam_jobs/windows.py: which rows make a window, and what the model is fed for one. */

export const NUM_COORDINATES = 3 * 33;
/** Rows that the first row of a window looks back on, itself among them. */
const HISTORY_LENGTH = 8;
/** The rows of a window's last second. */
const RECENT_ROWS = 15;

/**
 * @typedef {object} WindowRule
 * @property {number} length rows in a window
 * @property {number} stride rows between the ends of two windows
 * @property {number} min_detected rows with a person that a window needs
 *
 * @typedef {object} WindowInputs What the model is fed; oldest row first.
 * @property {Float32Array} rows 41 × 33 × 3; NaN where nobody was detected, and before the start
 * @property {Float64Array} timesMs 41; -1 before the start
 */

/** A ring buffer of one person's landmarks; LandmarkBuffer. */
export class LandmarkBuffer {
  /** @type {{row: Float32Array | null, timestampMs: number}[]} */ #rows = [];
  #numRows = 0;

  /** @param {WindowRule} rule */
  constructor(rule) {
    this.rule = rule;
    this.numFed = rule.length + HISTORY_LENGTH - 1;
  }

  /** Whether a window may end in the row that was added last. */
  get isDue() {
    return this.#numRows > 0 && (this.#numRows - 1) % this.rule.stride === 0;
  }

  /**
   * @param {Float32Array | null} row 33 × 3; null where nobody was detected
   * @param {number} timestampMs
   * @returns {WindowInputs | null} where a window ends in this row
   */
  push(row, timestampMs) {
    this.#rows.push({ row, timestampMs });
    if (this.#rows.length > this.numFed) this.#rows.shift();
    this.#numRows += 1;
    if (!row || !this.isDue) return null;
    const numDetected = this.#rows.slice(-this.rule.length).filter((past) => past.row).length;
    return numDetected < this.rule.min_detected ? null : this.#inputs();
  }

  #inputs() {
    const rows = new Float32Array(this.numFed * NUM_COORDINATES).fill(NaN);
    const timesMs = new Float64Array(this.numFed).fill(-1);
    const start = this.numFed - this.#rows.length;
    this.#rows.forEach(({ row, timestampMs }, index) => {
      if (row) rows.set(row, (start + index) * NUM_COORDINATES);
      timesMs[start + index] = timestampMs;
    });
    return { rows, timesMs };
  }
}

/**
 * The same window as if the person had come into view a second ago; recent_inputs.
 * @param {WindowInputs} window
 * @param {WindowRule} rule
 * @returns {WindowInputs | null} null where too few of its rows have a person
 */
export function recentInputs({ rows, timesMs }, rule) {
  const numOld = timesMs.length - RECENT_ROWS;
  const recent = {
    rows: rows.slice().fill(NaN, 0, numOld * NUM_COORDINATES),
    timesMs: timesMs.slice().fill(-1, 0, numOld),
  };
  let numDetected = 0;
  for (let row = numOld; row < timesMs.length; row++) {
    const values = rows.subarray(row * NUM_COORDINATES, (row + 1) * NUM_COORDINATES);
    if (values.some(Number.isFinite)) numDetected += 1;
  }
  return numDetected < rule.min_detected ? null : recent;
}
