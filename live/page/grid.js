/** Chooses which frames are used: the first one in each cell of a fixed time grid; beam_jobs/windows.py, SamplingGrid. */
export class SamplingGrid {
  /** A frame so much of a cell early is still on time. */
  static TOLERANCE_CELLS = 0.22;

  #lastFrameId = -1;

  /** @param {number} frameRateHz */
  constructor(frameRateHz) {
    this.frameRateHz = frameRateHz;
  }

  /**
   * The grid position of a frame, null where it is not to be used.
   * @param {number} timestampMs since the first frame
   */
  frameId(timestampMs) {
    const frameId = Math.trunc((timestampMs * this.frameRateHz) / 1000 + SamplingGrid.TOLERANCE_CELLS);
    if (frameId <= this.#lastFrameId) return null;
    this.#lastFrameId = frameId;
    return frameId;
  }
}
