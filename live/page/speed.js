/** Frames of the last seconds that are looked at. */
const NUM_FRAMES = 45;
/** Fewer frames than this share of the grid's are too few. */
const ENOUGH_SHARE = 0.8;

/** How quickly frames are worked through. */
export class Speed {
  /** @type {{atMs: number, tookMs: number}[]} */ #frames = [];

  /** @param {number} atMs when a frame was done @param {number} tookMs its work */
  add(atMs, tookMs) {
    // What was before a break says nothing.
    const last = this.#frames.at(-1);
    if (last && atMs - last.atMs > 1500) this.#frames = [];
    this.#frames.push({ atMs, tookMs });
    if (this.#frames.length > NUM_FRAMES) this.#frames.shift();
  }

  /** Enough was seen to judge. */
  get isKnown() {
    return this.#frames.length === NUM_FRAMES;
  }

  get framesPerSecond() {
    if (this.#frames.length < 2) return 0;
    const spanMs = this.#frames[this.#frames.length - 1].atMs - this.#frames[0].atMs;
    return (1000 * (this.#frames.length - 1)) / spanMs;
  }

  /** The middle one of the times that frames took. */
  get medianMs() {
    const sorted = this.#frames.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  }

  /** @param {number} frameRateHz of the grid */
  isSlow(frameRateHz) {
    return this.isKnown && this.framesPerSecond < ENOUGH_SHARE * frameRateHz;
  }
}
