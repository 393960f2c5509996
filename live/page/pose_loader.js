import { PoseEstimator } from "./pose.js";

/** Loads the pose model when it is needed first, and again where it has failed or another processor is wanted. */
export class PoseLoader {
  /** @type {PoseEstimator | null} */ current = null;
  /** @type {Promise<PoseEstimator> | null} */ #loading = null;
  #isOnGraphicsChip = false;

  /**
   * @param {(share: number) => void} onProgress 0 to 1
   * @param {(isOn: boolean) => void} onProcessor whether the graphics chip is used
   */
  constructor(onProgress, onProcessor) {
    this.onProgress = onProgress;
    this.onProcessor = onProcessor;
  }

  /** Sees to it that there is a `current` one. @returns {Promise<void>} */
  async load() {
    const loading = (this.#loading ??= PoseEstimator.load(this.onProgress, this.#isOnGraphicsChip));
    try {
      const estimator = await loading;
      if (loading === this.#loading) this.current = estimator;
    } catch (error) {
      if (loading !== this.#loading) return;
      this.#loading = null;
      if (!this.#isOnGraphicsChip) throw error;
      this.useGraphicsChip(false);
      await this.load();
    }
  }

  /** @param {boolean} isOn */
  useGraphicsChip(isOn) {
    this.forget();
    this.#isOnGraphicsChip = isOn;
    this.onProcessor(isOn);
  }

  /** What was done goes wrong: it is loaded again, without the graphics chip. */
  failed() {
    this.useGraphicsChip(false);
  }

  /** The next `load` loads it again. */
  forget() {
    const loading = this.#loading;
    this.current = this.#loading = null;
    // It may still be on its way, or broken.
    loading?.then((estimator) => estimator.close()).catch(() => {});
  }
}
