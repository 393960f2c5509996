# The image of a Dataflow worker (or of any Beam runner's SDK container): the lock, the pose model, the package.
#   docker build -t REGION-docker.pkg.dev/PROJECT/REPOSITORY/exercise-recognition .
# Then submit with --sdk_container_image=… --sdk_location=container (see beam_jobs/README.md).
FROM apache/beam_python3.11_sdk:2.77.0

# What the OpenCV wheel links against and a slim image lacks.
RUN apt-get update && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/exercise-recognition
COPY requirements.txt .
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.txt

COPY setup.py pyproject.toml README.md LICENSE ./
COPY beam_jobs beam_jobs
COPY model model
COPY live live
RUN pip install --no-cache-dir --no-deps .

# Made once, here, so that a worker never asks an index for it.
ENV XDG_CACHE_HOME=/opt/cache
RUN python -c "from beam_jobs.pose import model_file; model_file.locate()"
