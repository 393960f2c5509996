/** @import { Speed } from "./speed.js" */
import { openCamera } from "./camera.js";

/** A file is played no slower than that. */
const MIN_PLAYBACK_RATE = 0.25;
/** A sampled frame may take so much of the time until the next one. */
const BUSY_SHARE = 0.75;

/** @param {HTMLVideoElement | null} video */
async function play(video) {
  try {
    await video?.play();
  } catch (error) {
    // Paused again before it began.
    if (!(error instanceof Error) || error.name !== "AbortError") throw error;
  }
}

/** A camera. */
export class CameraSource {
  /** It goes on, whether somebody looks or not. */
  canWait = false;
  waitingWords = "Your browser asks whether this page may use the camera: allow it there.";
  /** It was unplugged, or taken away. */
  isGone = false;
  /** What to do when the camera is gone. @type {(words: string) => void} */ onEnd = () => {};
  /** @type {HTMLVideoElement | null} */ #video = null;
  /** @type {MediaStream | null} */ #stream = null;
  /** @type {WakeLockSentinel | null} */ #wakeLock = null;
  #isClosed = false;
  #ranMs = 0;
  /** @type {number | null} */ #runsSinceMs = null;

  /** @param {string} deviceId empty: the one that looks at the person */
  constructor(deviceId = "") {
    this.deviceId = deviceId;
  }

  /** @param {HTMLVideoElement} video */
  async open(video) {
    const stream = await openCamera(this.deviceId);
    const [track] = stream.getVideoTracks();
    if (this.#isClosed) {
      // Allowed after the person had chosen something else.
      track.stop();
      return;
    }
    this.#stream = stream;
    this.deviceId = track.getSettings().deviceId ?? this.deviceId;
    track.onended = () => {
      this.isGone = true;
      this.onEnd("The camera is gone. Plug it in again, and the page goes on. Or choose another one in the settings.");
    };
    this.#video = video;
    video.srcObject = this.#stream;
  }

  /** @param {number} ms the record's time now */
  startAt(ms) {
    this.#ranMs = ms;
  }

  async play() {
    this.#runsSinceMs ??= performance.now();
    await play(this.#video);
    // A phone's screen goes dark else. Not everywhere, and never needed.
    const wakeLock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
    this.#wakeLock?.release();
    this.#wakeLock = wakeLock;
    if (this.#runsSinceMs === null) wakeLock?.release();
  }

  pause() {
    this.#video?.pause();
    this.#ranMs = this.recordMs();
    this.#runsSinceMs = null;
    this.#wakeLock?.release();
  }

  /** The record's time now: without pauses. */
  recordMs() {
    return this.#ranMs + (this.#runsSinceMs === null ? 0 : performance.now() - this.#runsSinceMs);
  }

  /** A camera cannot wait: its newest frame counts. */
  keepUp() {}

  close() {
    this.#isClosed = true;
    this.#runsSinceMs = null;
    this.#stream?.getTracks().forEach((track) => track.stop());
    if (this.#video) this.#video.srcObject = null;
    this.#wakeLock?.release();
  }
}

/** A video file, which stays in the browser. */
export class FileSource {
  /** It is played only while its frames are answered. */
  canWait = true;
  waitingWords = "The video is being opened.";
  isGone = false;
  /** At the file's end. @type {(words: string) => void} */ onEnd = () => {};
  /** @type {HTMLVideoElement | null} */ #video = null;
  #address = "";

  /** @param {File} file */
  constructor(file) {
    this.file = file;
  }

  /** @param {HTMLVideoElement} video */
  async open(video) {
    this.#video = video;
    this.#address = URL.createObjectURL(this.file);
    await new Promise((resolve, reject) => {
      const refuse = () =>
        reject(
          new Error(
            `This browser cannot play ${this.file.name}. Choose a video, such as an .mp4 with H.264 or a .webm; most phones' videos are.`,
          ),
        );
      video.onloadeddata = () => (video.videoWidth ? resolve(undefined) : refuse());
      video.onerror = refuse;
      video.src = this.#address;
    });
    video.onerror = () => this.onEnd(`${this.file.name} is damaged here and cannot be read on.`);
    video.onended = () => this.onEnd("");
  }

  startAt() {}

  async play() {
    await play(this.#video);
  }

  pause() {
    this.#video?.pause();
  }

  /** The record's time is the file's. @param {number} mediaMs */
  recordMs(mediaMs) {
    return mediaMs;
  }

  /**
   * Plays more slowly where frames take long, so that none is left out.
   * @param {Speed} speed
   * @param {number} frameRateHz
   */
  keepUp(speed, frameRateHz) {
    const rate = Math.min(1, (BUSY_SHARE * 1000) / frameRateHz / Math.max(1, speed.medianMs));
    // In steps: each change costs the player a moment.
    const step = Math.max(MIN_PLAYBACK_RATE, Math.floor(10 * rate) / 10);
    if (this.#video && Math.abs(this.#video.playbackRate - step) > 0.05) this.#video.playbackRate = step;
  }

  close() {
    if (!this.#video) return;
    this.#video.onerror = this.#video.onended = this.#video.onloadeddata = null;
    this.#video.pause();
    this.#video.removeAttribute("src");
    this.#video.load();
    this.#video.playbackRate = 1;
    URL.revokeObjectURL(this.#address);
  }
}
