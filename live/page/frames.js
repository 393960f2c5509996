/** Tells of each new picture that a video element shows, with its media time. */
export class FrameLoop {
  /** Counts starts and stops: a picture that was asked for before the last one is not told of. */
  #turn = 0;
  #isOn = false;
  #lastTime = -1;

  /**
   * @param {HTMLVideoElement} video
   * @param {(video: HTMLVideoElement, mediaMs: number) => void} onFrame
   */
  constructor(video, onFrame) {
    this.video = video;
    this.onFrame = onFrame;
  }

  start() {
    if (this.#isOn) return;
    this.#isOn = true;
    this.#turn += 1;
    this.#next();
  }

  stop() {
    this.#isOn = false;
  }

  #next() {
    const turn = this.#turn;
    if ("requestVideoFrameCallback" in this.video) {
      this.video.requestVideoFrameCallback((_, { mediaTime }) => this.#take(turn, mediaTime));
    } else {
      // Browsers without it tell nothing of single frames: each time that is new is one.
      requestAnimationFrame(() => this.#take(turn, /** @type {HTMLVideoElement} */ (this.video).currentTime));
    }
  }

  /** @param {number} turn @param {number} timeS */
  #take(turn, timeS) {
    if (!this.#isOn || turn !== this.#turn) return;
    // Asked for first: a frame that fails does not end the loop.
    this.#next();
    if (timeS !== this.#lastTime && this.video.videoWidth > 0) {
      this.#lastTime = timeS;
      this.onFrame(this.video, 1000 * timeS);
    }
  }
}
