"""What a million videos take on many workers: a simulation from measured speeds, printed as tables.

    python tests/manual/simulate_scale.py [--videos 1000000] [--core_s_per_minute 26] ...

Each free core takes the next video of a shuffled list, as workers do behind a Reshuffle. Videos are of the lengths that
phones make (lognormal, median 30 s), and one in a thousand is a recording of one to three hours. Measured figures are
from results/scale.md; assumed ones say so in their flag's help. Nothing of this ran on Google's machines.
"""

import argparse
import dataclasses
import heapq

import numpy as np

ROWS_PER_S = 15
CORES_PER_WORKER = 4


@dataclasses.dataclass(frozen=True)
class Run:
    """What one run took.

    Attributes:
      hours: from the start of the job to its last video.
      core_hours: that workers were paid for.
      last_core_alone_hours: how long the last video was at work when half of the cores had nothing left to do.
    """

    hours: float
    core_hours: float
    last_core_alone_hours: float


def video_minutes(rng: np.random.Generator, num: int) -> np.ndarray:
    """Lengths of videos, in minutes."""
    minutes = np.minimum(rng.lognormal(np.log(0.5), 1.0, num), 60)
    recordings = rng.random(num) < 0.001
    minutes[recordings] = rng.uniform(60, 180, recordings.sum())
    return minutes


def cut(minutes: np.ndarray, longest: float, piece: float) -> np.ndarray:
    """The same videos, with those above `longest` minutes in pieces."""
    long = minutes > longest
    pieces = np.ceil(minutes[long] / piece).astype(int)
    return np.concatenate([minutes[~long], np.repeat(minutes[long] / pieces, pieces)])


def simulate(rng: np.random.Generator, tasks_s: np.ndarray, num_cores: int, start_s: float, lost_an_hour: float) -> Run:
    """Runs tasks on cores, which take them one by one in random order.

    Args:
      rng: for the order, the starts of workers, and which of them are lost.
      tasks_s: what each takes on one core.
      num_cores: at work from the start.
      start_s: how long a worker takes to start: between half of it and all of it.
      lost_an_hour: how often a worker is taken away, in an hour. Its videos begin again, on average half done.
    """
    lost = rng.random(len(tasks_s)) < lost_an_hour * tasks_s / 3600
    tasks_s = rng.permutation(tasks_s + lost * rng.random(len(tasks_s)) * tasks_s)
    free_at = list(rng.uniform(start_s / 2, start_s, num_cores))
    heapq.heapify(free_at)
    for task_s in tasks_s.tolist():
        heapq.heapreplace(free_at, free_at[0] + task_s)
    ends = np.sort(np.array(free_at))
    end = ends[-1]
    # A worker is given back when its last core is idle; the engine scales down.
    by_worker = rng.permutation(ends)[: num_cores // CORES_PER_WORKER * CORES_PER_WORKER].reshape(-1, CORES_PER_WORKER)
    paid = by_worker.max(axis=1).sum() * CORES_PER_WORKER
    return Run(end / 3600, paid / 3600, (end - np.median(ends)) / 3600)


def print_extract(args: argparse.Namespace, minutes: np.ndarray, rng: np.random.Generator) -> None:
    """The table of extract: hours and cost by the number of workers, with and without cut videos."""
    print(
        f"\nextract, {len(minutes):,} videos, {minutes.sum() / 60:,.0f} hours of video, the longest "
        f"{minutes.max() / 60:.1f} hours\n"
    )
    print(
        "| workers of 4 cores | hours | dollars | last video alone, hours | hours, videos not cut | writes a second |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for num_workers in args.workers:
        cores = num_workers * CORES_PER_WORKER
        runs = []
        for lengths in (cut(minutes, args.cut_above_minutes, args.piece_minutes), minutes):
            tasks_s = args.slowdown * (args.core_s_per_video + args.core_s_per_minute * lengths)
            runs.append(simulate(rng, tasks_s, cores, args.start_s, args.lost_an_hour))
        dollars = runs[0].core_hours * args.dollars_per_core_hour
        print(
            f"| {num_workers:,} | {runs[0].hours:.1f} | {dollars:,.0f} | {runs[0].last_core_alone_hours:.2f} | "
            f"{runs[1].hours:.1f} | {len(minutes) / runs[0].hours / 3600:.1f} |"
        )


def print_rest(args: argparse.Namespace, minutes: np.ndarray) -> None:
    """The table of everything else: features, listing, what is moved."""
    num, rows = len(minutes), minutes.sum() * 60 * ROWS_PER_S
    features_h = args.slowdown * rows / args.feature_rows_per_core_s / 3600
    lines = {
        "rows of landmarks and of final_features": f"{rows:,.0f}",
        "landmarks, GB": f"{rows * args.landmark_bytes_per_row / 1e9:,.0f}",
        "features, core hours": f"{features_h:,.0f}",
        "features, dollars": f"{features_h * args.dollars_per_core_hour:,.0f}",
        "features, shards of 100,000 rows": f"{rows / 100_000:,.0f}",
        "listing the bucket, minutes": f"{num / args.listed_a_second / 60:,.1f}",
        "shuffled by extract: videos, GB": f"{num * args.bytes_per_video / 1e9:.2f}",
        "shuffled by extract: quality rows, GB": f"{num * args.bytes_per_quality_row / 1e9:.2f}",
        "shuffled by features: plans of shards, GB": f"{num * args.bytes_per_video / 1e9:.2f}",
    }
    print("\n| what | value |\n| --- | --- |")
    for what, value in lines.items():
        print(f"| {what} | {value} |")


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[10, 100, 1000, 4000])
    parser.add_argument(
        "--core_s_per_minute", type=float, default=26.0, help="of extract, for a minute of video; measured"
    )
    parser.add_argument("--core_s_per_video", type=float, default=0.12, help="of extract, for each video; measured")
    parser.add_argument("--feature_rows_per_core_s", type=float, default=28000.0, help="measured")
    parser.add_argument("--landmark_bytes_per_row", type=float, default=1600.0, help="measured")
    parser.add_argument("--bytes_per_video", type=float, default=170.0, help="of a video's name in a shuffle; measured")
    parser.add_argument("--bytes_per_quality_row", type=float, default=500.0, help="in a shuffle; measured")
    parser.add_argument("--cut_above_minutes", type=float, default=10.0)
    parser.add_argument("--piece_minutes", type=float, default=5.0)
    parser.add_argument("--slowdown", type=float, default=2.0, help="of a cloud core against the measured one; assumed")
    parser.add_argument("--dollars_per_core_hour", type=float, default=0.083, help="assumed, see beam_jobs/dataflow.md")
    parser.add_argument("--start_s", type=float, default=240.0, help="until a worker works; assumed")
    parser.add_argument("--lost_an_hour", type=float, default=0.02, help="workers lost in an hour, a share; assumed")
    parser.add_argument("--listed_a_second", type=float, default=3000.0, help="names of a bucket; assumed")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    minutes = video_minutes(rng, args.videos)
    print_extract(args, minutes, rng)
    print_rest(args, minutes)


if __name__ == "__main__":
    main()
