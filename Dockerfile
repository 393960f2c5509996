# The image of the workers of a job (Dataflow, or any runner with Beam's SDK containers): the lock, the pose model, the package.
#   docker build --target worker -t REGION-docker.pkg.dev/PROJECT/REPOSITORY/exercise-recognition .
# Then submit with --sdk_container_image=… (see beam_jobs/dataflow.md).
FROM apache/beam_python3.11_sdk:2.77.0 AS worker

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

# The image of a Flex Template: the same, and the program that Dataflow starts to submit a job. The entry point stays that
# of a worker, so this image is a worker's, too.
#   docker build --build-arg COMMAND=extract -t REGION-docker.pkg.dev/PROJECT/REPOSITORY/exercise-recognition-extract .
FROM gcr.io/dataflow-templates-base/python311-template-launcher-base AS launcher

FROM worker AS template
COPY --from=launcher /opt/google/dataflow/python_template_launcher /opt/google/dataflow/python_template_launcher
ARG COMMAND=extract
ENV BEAM_JOBS_COMMAND=$COMMAND
ENV FLEX_TEMPLATE_PYTHON_PY_FILE=/opt/exercise-recognition/beam_jobs/flex_template/launch.py
