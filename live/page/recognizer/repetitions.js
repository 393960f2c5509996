/** A port of beam_jobs/repetitions.py: repetitions, counted from the angles of joints. */

/** Elbows, shoulders, hips, knees: proximal, joint, distal of the left one, then of the right one. */
const JOINTS = [
  [11, 13, 15, 12, 14, 16],
  [13, 11, 23, 14, 12, 24],
  [11, 23, 25, 12, 24, 26],
  [23, 25, 27, 24, 26, 28],
];
const SMOOTHING_MS = 155;
const RANGE_MS = 10_000;
const RANGE_EVERY_MS = 300;
const TURN_SHARE = 0.55;
const TURN_DEGREES = 20;
const BREAK_MS = 1500;
const MAX_TURNS = 8000;

/** @typedef {{timestampMs: number, degrees: number}} Turn a turning point of an angle */

/**
 * The angle at a joint, 180 for a straight limb; NaN where it is not seen.
 * @param {Float32Array} row 33 × 3
 * @param {number} proximal
 * @param {number} joint
 * @param {number} distal
 */
function angleDegrees(row, proximal, joint, distal) {
  const [ux, uy, uz] = [0, 1, 2].map((axis) => row[3 * proximal + axis] - row[3 * joint + axis]);
  const [lx, ly, lz] = [0, 1, 2].map((axis) => row[3 * distal + axis] - row[3 * joint + axis]);
  const sine = Math.hypot(uy * lz - uz * ly, uz * lx - ux * lz, ux * ly - uy * lx);
  return (Math.atan2(sine, ux * lx + uy * ly + uz * lz) * 180) / Math.PI;
}

/** The mean of left and right of each of JOINTS; one side alone where the other is not seen. @param {Float32Array} row */
export function jointAnglesDegrees(row) {
  return JOINTS.map(([a, b, c, d, e, f]) => {
    const left = angleDegrees(row, a, b, c);
    const right = angleDegrees(row, d, e, f);
    if (Number.isNaN(left)) return right;
    return Number.isNaN(right) ? left : (left + right) / 2;
  });
}

/** As np.percentile. @param {number[]} ordered @param {number} share */
function percentile(ordered, share) {
  const position = share * (ordered.length - 1);
  const before = Math.trunc(position);
  const low = ordered[before];
  return low + (ordered[Math.min(before + 1, ordered.length - 1)] - low) * (position - before);
}

/** The turning points of one angle, as they come. */
class AngleTurns {
  /** @type {Turn[]} */ turns = [];
  /** @type {Turn[]} */ #recent = [];
  /** @type {number | null} */ #smooth = null;
  #lastMs = 0;
  #direction = 0;
  #needed = TURN_DEGREES;
  #neededUntilMs = 0;
  /** @type {Turn} */ #high = { timestampMs: 0, degrees: NaN };
  /** @type {Turn} */ #low = { timestampMs: 0, degrees: NaN };

  /** @param {number} timestampMs @param {number} degrees */
  push(timestampMs, degrees) {
    if (!Number.isFinite(degrees)) return;
    if (this.#smooth === null || timestampMs - this.#lastMs > BREAK_MS) {
      this.#smooth = degrees;
      this.#direction = 0;
      this.#needed = TURN_DEGREES;
      this.#neededUntilMs = 0;
      this.#high = this.#low = { timestampMs, degrees };
    } else {
      const weight = 1 - Math.exp(-(timestampMs - this.#lastMs) / SMOOTHING_MS);
      this.#smooth += weight * (degrees - this.#smooth);
    }
    this.#lastMs = timestampMs;
    const now = { timestampMs, degrees: this.#smooth };
    this.#recent.push(now);
    while (this.#recent[0].timestampMs < timestampMs - RANGE_MS) this.#recent.shift();
    this.#turn(now);
  }

  /** @param {Turn} now */
  #turn(now) {
    if (now.timestampMs >= this.#neededUntilMs) {
      const ordered = this.#recent.map(({ degrees }) => degrees).sort((a, b) => a - b);
      this.#needed = Math.max(TURN_DEGREES, TURN_SHARE * (percentile(ordered, 0.95) - percentile(ordered, 0.05)));
      this.#neededUntilMs = now.timestampMs + RANGE_EVERY_MS;
    }
    if (this.#direction >= 0) {
      if (now.degrees > this.#high.degrees) this.#high = now;
      if (this.#high.degrees - now.degrees > this.#needed) {
        this.#note(this.#high);
        this.#direction = -1;
        this.#low = now;
        return;
      }
    }
    if (this.#direction <= 0) {
      if (now.degrees < this.#low.degrees) this.#low = now;
      if (now.degrees - this.#low.degrees > this.#needed) {
        this.#note(this.#low);
        this.#direction = 1;
        this.#high = now;
      }
    }
  }

  /** @param {Turn} turn */
  #note(turn) {
    this.turns.push(turn);
    if (this.turns.length > MAX_TURNS) this.turns.shift();
  }

  /** The turns between two times, both included. @param {number} startMs @param {number} endMs */
  between(startMs, endMs) {
    const before = this.turns.findLastIndex(({ timestampMs }) => timestampMs < startMs);
    return this.turns.slice(before + 1).filter(({ timestampMs }) => timestampMs <= endMs);
  }
}

/** How far an angle usually swings between its turns; less where swings differ. @param {Turn[]} turns */
function swingDegrees(turns) {
  if (turns.length < 2) return 0;
  const swings = turns.slice(1).map((turn, index) => Math.abs(turn.degrees - turns[index].degrees));
  if (turns.length === 2) return 0.5 * swings[0];
  const ordered = swings.toSorted((a, b) => a - b);
  const middle = (ordered[(ordered.length - 1) >> 1] + ordered[ordered.length >> 1]) / 2;
  const mean = swings.reduce((sum, swing) => sum + swing, 0) / swings.length;
  const variance = swings.reduce((sum, swing) => sum + (swing - mean) ** 2, 0) / swings.length;
  return middle / (1 + Math.sqrt(variance) / mean);
}

/** Counts one person's repetitions; RepetitionCounter. */
export class RepetitionCounter {
  #angles = JOINTS.map(() => new AngleTurns());

  /** @param {Float32Array | null} row null where nobody was detected @param {number} timestampMs */
  push(row, timestampMs) {
    if (!row) return;
    jointAnglesDegrees(row).forEach((degrees, index) => this.#angles[index].push(timestampMs, degrees));
  }

  /** There and back again of the joint that swings furthest, between two times. @param {number} startMs @param {number} endMs */
  count(startMs, endMs) {
    const found = this.#angles.map((angle) => angle.between(startMs, endMs));
    const swings = found.map(swingDegrees);
    return Math.floor(found[swings.indexOf(Math.max(...swings))].length / 2);
  }
}
